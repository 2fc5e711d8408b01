"""A measurement as a chart: a group of bars for each figure, a bar for each model."""

import io

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from likeness.documents import Document
from likeness.tables import measured, plain

_INK, _LINE = "#1c1d20", "#dfe0dc"
# Okabe and Ito's palette, told apart by the colour-blind too; the fused list is dark.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442")
_MOST_FIGURES = 24
_DPI = 150


def draw(document: Document, image_format: str) -> bytes:
    """Return the chart as an encoded image; `image_format` is svg, png or pdf."""
    # Of Figure alone, without pyplot: nothing global, no window, no backend to choose.
    figure = Figure(figsize=(9.6, 4.4), layout="constrained")
    quality, distance = figure.subplots(1, 2, width_ratios=[3, 2])
    k = document["top_k"]
    names = {"precision_at_k": f"P@{k}", "recall_at_k": f"recall@{k}", "mean_average_precision": "mAP"}
    apart = {"mean_distance_same_label": "same label", "mean_distance_other_labels": "other labels"}
    _bars(quality, document, names, "Found of the same label")
    _bars(distance, document, apart, "Mean distance")
    quality.set_ylim(0, 1)
    figure.suptitle(_text(f"{document['collection']} by {document['label']}, {_size(document)}"), color=_INK)
    figure.legend(*quality.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    file = io.BytesIO()
    figure.savefig(file, format=image_format, dpi=_DPI)
    return file.getvalue()


def _bars(axes: Axes, document: Document, names: dict[str, str], title: str) -> None:
    rows = measured(document)
    width = 0.8 / len(rows)
    for i, (label, row) in enumerate(rows):
        colour = _INK if row is document["fused"] else _COLOURS[i % len(_COLOURS)]
        places = [group - 0.4 + width * (i + 0.5) for group in range(len(names))]
        bars = axes.bar(places, [row[name] for name in names], width * 0.92, label=_text(label), color=colour)
        if len(rows) * len(names) <= _MOST_FIGURES:
            axes.bar_label(bars, fmt="%.2f", fontsize=7, padding=2, color=_INK)
    axes.set_title(title, fontsize=10, color=_INK)
    axes.set_xticks(range(len(names)), list(names.values()))
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
