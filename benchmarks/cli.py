"""The command line of the benchmarks."""

from itertools import takewhile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks import plot, report
from benchmarks.measuring import NAMES, Results, measure
from benchmarks.plan import Plan

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
_PLAN = Plan()
_HERE = Path(__file__).resolve().parent
_SHARED_DATA = _HERE.parent.parent / "shared" / "data"
# The table is wide, and must not be cut where the output goes to a file.
_console = Console(width=None if Console().is_terminal else 170)


@app.command()
def main(
    names: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(NAMES)}; all by default.")] = None,
    *,
    images: Annotated[int, typer.Option(help="Images that `search` searches.", min=5000)] = _PLAN.images,
    dimension: Annotated[int, typer.Option(help="Of their vectors.")] = _PLAN.dimension,
    rounds: Annotated[int, typer.Option(help="Rounds with both sides in each.", min=1)] = _PLAN.rounds,
    grow_to: Annotated[int, typer.Option(help="Images to which `growth` goes.", min=5000)] = _PLAN.growth_sizes[-1],
    grow_dimension: Annotated[int, typer.Option(help="Of its vectors.")] = _PLAN.growth_dimension,
    shared_data: Annotated[
        Path, typer.Option(help="Folder with models/mobilenetv2.onnx for `index`; without it, `colour` embeds.")
    ] = _SHARED_DATA,
    out: Annotated[Path, typer.Option(help="JSON file to write.")] = _HERE / "results.json",
    chart: Annotated[Path | None, typer.Option(help="SVG file to draw growth in.")] = None,
    load_chart: Annotated[Path | None, typer.Option(help="SVG file to draw `embedder` under load in.")] = None,
) -> None:
    """Measure what Likeness costs beside what it stands on: both sides in one run and in turn, medians over rounds."""
    if unknown := set(names or ()) - set(NAMES):
        raise typer.BadParameter(f"there is no measurement {', '.join(sorted(unknown))}")
    data = shared_data if shared_data.is_dir() else None
    plan = Plan(images, dimension, rounds, _sizes(grow_to), grow_dimension, data)
    with _console.status("Measuring"):
        results = measure(names or NAMES, plan)
    _tell(results)
    report.write(out, results)
    if chart and results.sizes:
        plot.draw(results.sizes, chart)
    if load_chart and results.offered:
        plot.draw_offered(results.offered, load_chart)


def _sizes(largest: int) -> tuple[int, ...]:
    """Return the sizes to look at, up to and with the largest."""
    steps = (int(factor * 10**power) for power in range(3, 8) for factor in (1, 2, 5))
    return (*takewhile(lambda step: step < largest, steps), largest)


def _tell(results: Results) -> None:
    if results.figures:
        _console.print(report.figures_table(results.figures))
    if results.sizes:
        _console.print(report.growth_table(results.sizes))
        _console.print(report.bytes_table(results.sizes))
