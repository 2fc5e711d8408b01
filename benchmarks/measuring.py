"""Runs measurements, each over a system of its own, so that none finds what another left."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import filling, pictures
from benchmarks.embedding import Offered, embedding
from benchmarks.figures import Figure
from benchmarks.gateway_cost import gateway_cost
from benchmarks.growth import Size, growth
from benchmarks.indexing import NETWORK, indexing
from benchmarks.load import Load, load
from benchmarks.plan import Plan
from benchmarks.running import Running, running
from benchmarks.searching import searching
from tests import embedder_models

_FIGURES: dict[str, Callable[[Running, Load, Plan], list[Figure]]] = {
    "search": searching,
    "gateway": gateway_cost,
    "index": indexing,
}
_GROWTH = "growth"
_EMBEDDER = "embedder"
NAMES = (*_FIGURES, _EMBEDDER, _GROWTH)


@dataclass
class Results:
    """All that was measured."""

    figures: list[Figure] = field(default_factory=list)
    sizes: list[Size] = field(default_factory=list)
    offered: list[Offered] = field(default_factory=list)


def measure(names: Sequence[str], plan: Plan) -> Results:
    """Take the measurements of these names, one after the other."""
    results = Results()
    with load() as process:
        for name in names:
            if name == _GROWTH:
                results.sizes += [size for kind in filling.KINDS for size in _grown(process, plan, kind)]
            elif name == _EMBEDDER:
                figures, results.offered = embedding(plan)
                results.figures += figures
            else:
                results.figures += _compared(process, plan, name)
    return results


def _compared(process: Load, plan: Plan, name: str) -> list[Figure]:
    with _system(plan) as system:
        return _FIGURES[name](system, process, plan)


def _grown(process: Load, plan: Plan, kind: str) -> list[Size]:
    with _system(plan) as system:
        return list(growth(system, process, plan, kind))


@contextmanager
def _system(plan: Plan) -> Iterator[Running]:
    """Run everything over a new folder, in which there are photographs and, where it is to be had, the network."""
    with tempfile.TemporaryDirectory(prefix="likeness-bench-") as path:
        directory = Path(path)
        pictures.write(directory)
        models = []
        if plan.shared_data:
            models = [directory / "models"]
            embedder_models.write_network(models[0], plan.shared_data, NETWORK)
        with running(directory, models) as system:
            yield system
