"""Growth as a chart."""

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks import trend
from benchmarks.embedding import Offered
from benchmarks.growth import Size

_COLOURS = {"HNSW": "#0072b2", "FLAT": "#e69f00"}
_END = 1_000_000
_GIB = 1024**3


def draw(sizes: Sequence[Size], path: Path) -> None:
    """Write the chart as SVG: dots are measured, dashed lines extrapolated."""
    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    search, memory = figure.subplots(1, 2)
    for _, group in groupby(sizes, lambda size: size.kind):
        own = list(group)
        _line(search, own, [size.search_ms for size in own], trend.of_search(own))
        resident = [size.footprint.milvus_resident / _GIB for size in own]
        _line(memory, own, resident, trend.of_bytes(own, "milvus_resident"), _GIB)
    _axes(search, "SearchImages by id, p50 in ms")
    _axes(memory, "Milvus, resident GiB")
    figure.suptitle(f"{sizes[0].dimension}-d vectors; dashed: extrapolated", fontsize=10)
    _save(figure, path)


def draw_offered(loads: Sequence[Offered], path: Path) -> None:
    """Write what the embedder served at each offered load, and how long it took, as SVG."""
    figure = Figure(figsize=(9.6, 4.2), layout="constrained")
    served, latency = figure.subplots(1, 2)
    offered = [load.offered * load.capacity for load in loads]
    served.plot(offered, [load.served for load in loads], "o-", color="#0072b2", label="served")
    served.plot(offered, offered, "--", color="#999999", label="offered")
    for name, colour in (("p50_ms", "#0072b2"), ("p99_ms", "#e69f00")):
        latency.plot(offered, [getattr(load, name) for load in loads], "o-", color=colour, label=name[:3])
    for axes, title in ((served, "Images a second served"), (latency, "Latency of those served, in ms")):
        _frame(axes, title, "images a second offered")
        axes.set_ylim(bottom=0)
    figure.suptitle(f"Embed, {loads[0].model}, one image a call", fontsize=10)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    # Text as text, and the same file for the same figures.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "likeness"}):
        figure.savefig(path, format="svg", metadata={"Date": None})


def _line(axes: Axes, sizes: Sequence[Size], values: Sequence[float], beyond: trend.Trend, unit: float = 1) -> None:
    images = [size.images for size in sizes]
    axes.plot(images, values, "o-", color=_COLOURS[sizes[0].kind], label=sizes[0].kind)
    further = np.geomspace(images[-1], _END)
    axes.plot(further, [beyond.at(count) / unit for count in further], "--", color=_COLOURS[sizes[0].kind])


def _axes(axes: Axes, title: str) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    _frame(axes, title, "images")


def _frame(axes: Axes, title: str, across: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(across)
    axes.grid(color="#dfe0dc")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
