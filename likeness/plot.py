"""A measurement as a chart: a group of bars for each figure, a bar for each model."""

import io
import math
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from likeness.documents import Document
from likeness.listing import plain
from likeness.tables import measured

_INK, _LINE = "#1c1d20", "#dfe0dc"
# Okabe and Ito's palette, told apart by the colour-blind too; the fused list is dark.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
# Told apart by these where there are more models than colours.
_HATCHES = ("", "///", "...")
_MOST_FIGURES = 24
_LEGEND_CHARACTERS = 110
_HEIGHT_INCHES, _LEGEND_ROW_INCHES = 4.2, 0.2
_DPI = 150


def draw(document: Document, image_format: str) -> bytes:
    """Return the chart as an encoded image; `image_format` is svg, png or pdf."""
    titles = [title for title, _ in measured(document)]
    columns = max(1, min(len(titles), _LEGEND_CHARACTERS // (max(map(len, titles)) + 7)))
    height = _HEIGHT_INCHES + _LEGEND_ROW_INCHES * math.ceil(len(titles) / columns)
    # Of Figure alone, without pyplot: nothing global, no window, no backend to choose.
    figure = Figure(figsize=(9.6, height), layout="constrained")
    quality, distance = figure.subplots(1, 2, width_ratios=[3, 2])
    k = document["top_k"]
    names = {"precision_at_k": f"P@{k}", "recall_at_k": f"recall@{k}", "mean_average_precision": "mAP"}
    apart = {"mean_distance_same_label": "same label", "mean_distance_other_labels": "other labels"}
    _bars(quality, document, names, "Found of the same label")
    _bars(distance, document, apart, "Mean distance")
    quality.set_ylim(0, 1.06)
    figure.suptitle(_text(f"{document['collection']} by {document['label']}, {_size(document)}"), color=_INK)
    figure.legend(
        *quality.get_legend_handles_labels(), loc="outside lower center", ncols=columns, frameon=False, fontsize=8
    )
    file = io.BytesIO()
    figure.savefig(file, format=image_format, dpi=_DPI)
    return file.getvalue()


def _bars(axes: Axes, document: Document, names: dict[str, str], title: str) -> None:
    rows = measured(document)
    width = 0.8 / len(rows)
    for i, (label, row) in enumerate(rows):
        look = {"color": _INK} if row is document["fused"] else _look(i)
        places = [group - 0.4 + width * (i + 0.5) for group in range(len(names))]
        heights = [row[name] for name in names]
        bars = axes.bar(places, heights, width * 0.92, label=_text(label), linewidth=0, **look)
        if len(rows) * len(names) <= _MOST_FIGURES:
            axes.bar_label(bars, fmt="%.2f", fontsize=7, padding=2, color=_INK)
    _dress(axes, list(names.values()), title)


def _look(number: int) -> dict[str, Any]:
    cycle, colour = divmod(number, len(_COLOURS))
    return {"color": _COLOURS[colour], "hatch": _HATCHES[cycle % len(_HATCHES)], "edgecolor": "white"}


def _dress(axes: Axes, groups: list[str], title: str) -> None:
    axes.set_title(title, fontsize=10, color=_INK)
    axes.set_xticks(range(len(groups)), groups)
    axes.grid(axis="y", color=_LINE)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)


def _size(document: Document) -> str:
    queries, labels = document["fused"]["query_count"], document["label_count"]
    return f"{queries:,} queries, {labels:,} labels"


def _text(text: str) -> str:
    """Return a text in which nothing is a formula and nothing breaks a line."""
    return plain(text).plain.replace("$", r"\$")
