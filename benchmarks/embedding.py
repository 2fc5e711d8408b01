"""The embedder beside what it is made of: every contestant in every round, over the same photographs."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from benchmarks import networks, pictures
from benchmarks.embedder_load import EmbedCalls, Outcomes
from benchmarks.figures import Figure, at_least, at_most, percentile_ms, times
from benchmarks.hostile_load import Mixed, MixedCalls
from benchmarks.inprocess import SHAPES, Contestant
from benchmarks.load import Load, load
from benchmarks.plan import Plan
from deploy.local.parts import StackSettings, services
from deploy.local.ports import Ports
from deploy.local.process import Process, wait_until

_SWEEP_SECONDS, _ROUND_SECONDS, _LONE_CALLS = 1.0, 3.0, 30
_OVERLOAD, _OVERLOAD_SECONDS, _DEADLINE_SECONDS = 10, 60.0, 10.0
_OFFERED_SECONDS = 4.0
# Of the calls with hostile pictures, and of the capacity that is offered with them.
_HOSTILE, _HOSTILE_LOAD, _HOSTILE_SECONDS = 0.2, 0.4, 15.0
_LOADS = (0.2, 0.4, 0.6, 0.8, 0.9, 1.0, 1.2, 1.5)
_MIB = 1024 * 1024
# Images in a call, and calls at once.
_CALLS = ((1, 8), (4, 4), (8, 3))
_SIDE_BY_SIDE = (1, 2, 1)
_PIPELINES = tuple(shape for shape in SHAPES if shape[2] == 1)
_BARS: dict[str, dict[str, float]] = {
    networks.RESNET: {"alone": 0.93, "article": 4.5, "mib": 330},
    networks.MOBILENET: {"plain": 0.95, "mib": 200},
}


@dataclass(frozen=True)
class Offered:
    """What became of one offered load."""

    model: str
    offered: float
    """Images a second, as a share of the capacity."""
    capacity: float
    """Images a second."""
    served: float
    """Images a second."""
    p50_ms: float
    p99_ms: float


@dataclass(frozen=True)
class _Rig:
    """One network's embedder, and the two processes that measure."""

    model: str
    calls: EmbedCalls
    plain: Contestant
    caller: Load
    other: Load
    pid: int

    def resident(self) -> tuple[float, float]:
        """Return the MiB that the embedder and its decoders have, shared pages counted for each, and counted once."""
        parent = psutil.Process(self.pid)
        maps = [process.memory_full_info() for process in [parent, *parent.children(recursive=True)]]
        return sum(each.rss for each in maps) / _MIB, sum(each.pss for each in maps) / _MIB


def embedding(plan: Plan) -> tuple[list[Figure], list[Offered]]:
    """Measure every network that there is."""
    figures: list[Figure] = []
    offered: list[Offered] = []
    with tempfile.TemporaryDirectory(prefix="likeness-bench-") as path, load() as caller, load() as other:
        directory = Path(path)
        pictures.write(directory)
        for model in networks.write(directory / "all", plan.shared_data):
            with _serving(directory, model, caller, other) as rig:
                figures += _compared(rig, plan.rounds)
                if model == networks.RESNET:
                    more, offered = _overloaded(rig)
                    figures += more
                figures += _attacked(rig)
                figures += _memory(rig)
        networks.write_int8(directory / "all", directory)
        with _serving(directory, networks.INT8, caller, other) as rig:
            figures += _eight_bits(
                rig, Contestant(directory / "all" / networks.RESNET / "model.onnx", directory), plan.rounds
            )
    return figures, offered


@contextmanager
def _serving(directory: Path, model: str, caller: Load, other: Load) -> Iterator[_Rig]:
    """Run an embedder with this network alone, by its default settings."""
    own = directory / f"serving-{model}"
    own.mkdir()
    (own / model).symlink_to(directory / "all" / model)
    ports = Ports.free()
    environment = {"LIKENESS_EMBEDDER_BUILT_IN_MODELS": "false", "LIKENESS_EMBEDDER_LOG_LEVEL": "WARNING"}
    settings = StackSettings(own / "state", ports, (own,), environment=environment)
    settings.state.mkdir()
    part = next(part for part in services(settings, own) if part.name == "embedder")
    process = Process(part.name, settings.state)
    process.start(part.arguments, part.environment)
    try:
        if not wait_until(part.ready, 60) or process.pid is None:
            raise RuntimeError("\n".join(process.last_lines(20)))
        calls = EmbedCalls(ports.address("embedder"), ports.health_address("embedder"), model, directory)
        plain = Contestant(directory / "all" / model / "model.onnx", directory)
        yield _Rig(model, calls, plain, caller, other, process.pid)
    finally:
        process.stop(30)


def _compared(rig: _Rig, rounds: int) -> list[Figure]:
    """Find each side's best settings first; then all sides once in each round."""
    alone = max(SHAPES, key=lambda shape: rig.other.run(rig.plain.runs, shape, _SWEEP_SECONDS))
    piped = max(_PIPELINES, key=lambda shape: rig.other.run(rig.plain.pipeline, shape, _SWEEP_SECONDS))
    best, at_once = _best_calls(rig)
    sides: dict[str, list[float]] = {"ours": [], "alone": [], "plain": [], "article": [], "lone": [], "lone plain": []}
    for _ in range(rounds):
        sides["ours"].append(rig.caller.run(best.rate, at_once, _ROUND_SECONDS))
        sides["alone"].append(rig.other.run(rig.plain.runs, alone, _ROUND_SECONDS))
        sides["plain"].append(rig.other.run(rig.plain.pipeline, piped, _ROUND_SECONDS))
        sides["article"].append(rig.other.run(rig.plain.article, _ROUND_SECONDS))
        sides["lone"].append(percentile_ms(rig.caller.run(rig.calls.lone, _LONE_CALLS), 50))
        sides["lone plain"].append(percentile_ms(rig.other.run(rig.plain.lone, os.cpu_count(), _LONE_CALLS), 50))
    return _ratios(rig.model, sides, f"{at_once} calls of {best.batch}")


def _best_calls(rig: _Rig) -> tuple[EmbedCalls, int]:
    """Return the calls that serve the most images, and how many of them at once."""
    batch, at_once = max(
        _CALLS, key=lambda shape: rig.caller.run(replace(rig.calls, batch=shape[0]).rate, shape[1], _SWEEP_SECONDS)
    )
    return replace(rig.calls, batch=batch), at_once


def _eight_bits(rig: _Rig, fp32: Contestant, rounds: int) -> list[Figure]:
    """Hold int8 against the graph that it is of: served against the article's way, and both networks alone."""
    best, at_once = _best_calls(rig)
    sides: dict[str, list[float]] = {"ours": [], "article": [], "int8": [], "fp32": []}
    for _ in range(rounds):
        sides["ours"].append(rig.caller.run(best.rate, at_once, _ROUND_SECONDS))
        sides["article"].append(rig.other.run(fp32.article, _ROUND_SECONDS))
        sides["int8"].append(rig.other.run(rig.plain.runs, _SIDE_BY_SIDE, _ROUND_SECONDS))
        sides["fp32"].append(rig.other.run(fp32.runs, _SIDE_BY_SIDE, _ROUND_SECONDS))
    name, against = f"Embed {rig.model}, {at_once} calls of {best.batch}", "against a session of fp32 an image"
    alone = f"session.run of {rig.model} alone, against fp32"
    return [
        times(f"{name}, {against}", sides["ours"], sides["article"], "/s", at_least(10)),
        times(alone, sides["int8"], sides["fp32"], "/s", at_least(2)),
    ]


def _ratios(model: str, sides: dict[str, list[float]], calls: str) -> list[Figure]:
    bars = _BARS[model]
    against = {"alone": "session.run alone", "plain": "plain pipeline", "article": "a session an image"}
    rates = [
        times(
            f"Embed {model}, {calls}, against {text}",
            sides["ours"],
            sides[side],
            "/s",
            at_least(bars[side]) if side in bars else None,
        )
        for side, text in against.items()
    ]
    lone = times(f"Embed {model} alone, p50, against plain", sides["lone"], sides["lone plain"], "ms", at_most(1.1))
    return [*rates, lone]


def _memory(rig: _Rig) -> list[Figure]:
    """What the machine gives: pages that several processes share count once, as they do against a container's limit."""
    resident, proportional = rig.resident()
    bar = at_most(_BARS[rig.model]["mib"])
    each = f"{resident:.0f} MiB if shared pages count for each"
    return [Figure(f"{rig.model}, resident after load", proportional, "MiB", each, "", [proportional], bar)]


def _overloaded(rig: _Rig) -> tuple[list[Figure], list[Offered]]:
    """Offer shares of the capacity, and then ten times as much."""
    capacity = rig.caller.run(rig.calls.rate, 8, _ROUND_SECONDS)
    offered = [_offer(rig, share, capacity) for share in _LOADS]
    outcomes: Outcomes = rig.caller.run(rig.calls.offered, capacity * _OVERLOAD, _OVERLOAD_SECONDS, _DEADLINE_SECONDS)
    if outcomes.other:
        raise RuntimeError(f"{len(outcomes.other)} calls failed, the first with {outcomes.other[0]}")
    goodput = len(outcomes.served) / (outcomes.seconds + outcomes.new_after)
    name = f"{rig.model} at {_OVERLOAD} times the capacity"
    refusals = percentile_ms(outcomes.refused or [0.0], 99)
    probes = percentile_ms(outcomes.probes, 99)
    failed = f"{outcomes.failed_probes} of {len(outcomes.probes)} failed"
    return [
        times(f"{name}: served", [goodput], [capacity], "/s", at_least(0.8)),
        Figure(f"{name}: refusals p99", refusals, "ms", f"{len(outcomes.refused)}", "", [refusals], at_most(50)),
        Figure(f"{name}: health p99", probes, "ms", failed, "", [probes], at_most(200)),
        Figure(f"{name}: first served after", outcomes.first_after, "s", "", "", [outcomes.first_after], at_most(1)),
        Figure(f"{name}: first new call served after", outcomes.new_after, "s", "", "", [outcomes.new_after]),
    ], offered


def _attacked(rig: _Rig) -> list[Figure]:
    """Offer the same good calls alone and among hostile ones."""
    capacity = rig.caller.run(rig.calls.rate, 8, _ROUND_SECONDS)
    mixed = MixedCalls(rig.calls).mixed
    rate = capacity * _HOSTILE_LOAD
    alone: Mixed = rig.caller.run(mixed, rate * (1 - _HOSTILE), _HOSTILE_SECONDS, 0.0)
    among: Mixed = rig.caller.run(mixed, rate, _HOSTILE_SECONDS, _HOSTILE)
    if among.wrong or not psutil.pid_exists(rig.pid):
        raise RuntimeError(f"{len(among.wrong)} calls were answered wrongly, the first with {among.wrong[:1]}")
    name = f"{rig.model}, every fifth picture hostile"
    ours, against = ([percentile_ms(side.good, 99)] for side in (among, alone))
    slowest = max(among.hostile)
    return [
        times(f"{name}: good calls' p99", ours, against, "ms", at_most(3)),
        Figure(f"{name}: slowest hostile", slowest, "s", f"{len(among.hostile)}", "", [slowest], at_most(2.5)),
    ]


def _offer(rig: _Rig, share: float, capacity: float) -> Offered:
    outcomes: Outcomes = rig.caller.run(rig.calls.offered, capacity * share, _OFFERED_SECONDS, _DEADLINE_SECONDS)
    served = outcomes.served or [0.0]
    rate = len(outcomes.served) / (outcomes.seconds + outcomes.new_after)
    return Offered(rig.model, share, capacity, rate, percentile_ms(served, 50), percentile_ms(served, 99))
