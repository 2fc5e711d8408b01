"""`likeness-models quantize`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import typer

from embedder_service.model_card import ModelCard
from embedder_service.model_tools import options, photos, quantising, storing, terminal, workbench
from embedder_service.model_tools.errors import ToolError, WrongUse
from embedder_service.model_tools.graph import Network

# Integer sums saturate on processors without VNNI: the same picture may have a slightly other vector there.
_MIN_COSINE = 0.99
_NAME_CHARS = 64


def quantize(
    name: Annotated[str, typer.Argument(help="A model, in fp32.")],
    *,
    photographs: Annotated[
        Path,
        typer.Option(
            "--photos", metavar="DIR", help="Photographs like those to be searched, 100 or more.", exists=True
        ),
    ],
    models: options.Repository = options.HERE,
    variant: Annotated[str | None, typer.Option("--name", "-n", help="The variant's name; else NAME-int8.")] = None,
    most: Annotated[int, typer.Option("--most", min=40, help="Photographs to take at the most.")] = 600,
    calibrate: Annotated[int, typer.Option(min=10, help="How many of them to calibrate with; half at the most.")] = 100,
    method: Annotated[
        Literal["MinMax", "Percentile", "Entropy"], typer.Option(help="How the range of an activation is found.")
    ] = "MinMax",
    min_recall: Annotated[
        float,
        typer.Option(min=0, max=1, help="Least recall@10 of the original's neighbours; below it nothing is kept."),
    ] = 0.9,
    replace: options.Replace = False,
) -> None:
    """Make an int8 variant of a model: a model of its own, with a fingerprint of its own.

    Static quantisation by ONNX Runtime, QDQ, weights per channel. Some photographs calibrate it; with the others it is
    measured: how many of each one's 10 nearest neighbours it finds too, and how much faster it runs on this machine,
    alone and on one thread. Both go into its description.
    """
    if most - calibrate <= quantising.NEIGHBOURS:
        raise WrongUse(
            f"--calibrate {calibrate} leaves {max(0, most - calibrate)} of --most {most} photographs to measure with; "
            f"more than {quantising.NEIGHBOURS} are needed"
        )
    task = _Task(models / name, photographs, most, calibrate, method)
    card, content, worth, count = terminal.run(_quantised(task, variant or f"{name}-int8"[:_NAME_CHARS]))
    said = (
        f"recall@10 {worth.recall:.3f} of {name}'s neighbours on {count} photographs, {worth.speed:.2f} times its speed"
    )
    terminal.result(f"{said}, mean cosine {worth.cosine:.4f}, {len(content) / 1e6:.1f} MB")
    if worth.recall < min_recall:
        raise ToolError(f"nothing is kept: its recall@10 is {worth.recall:.3f}, and --min-recall is {min_recall}")
    described = card.model_copy(update={"description": f"{card.description}: {said}"})
    terminal.run(storing.store(models, described, content, replace=replace, min_cosine=_MIN_COSINE))


@dataclass(frozen=True, slots=True)
class _Task:
    model: Path
    photographs: Path
    most: int
    calibrate: int
    method: str


async def _quantised(task: _Task, name: str) -> tuple[ModelCard, bytes, quantising.Worth, int]:
    async with workbench.opened(threads=1) as bench:
        files = bench.read(task.model)
        if Network.parse(files.content).is_quantised:
            raise ToolError(f"{task.model} is in 8-bit integers already")
        found = await photos.read(task.photographs, bench.decoder, files.card.preprocessing.geometry, task.most)
        step = max(2, len(found) // task.calibrate)
        others = [photo for place, photo in enumerate(found) if place % step]
        if len(others) <= quantising.NEIGHBOURS:
            raise ToolError(
                f"{task.photographs} holds {len(found)} photographs that can be read; at least 25 are needed"
            )
        given = found[::step][: task.calibrate]
        card, content = quantising.make(files.card, files.content, given, name, task.method)
        original, made = bench.load(files.card, files.content), bench.load(card, content)
        return card, content, await quantising.compare(original, made, others), len(others)
