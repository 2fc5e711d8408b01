"""The measurements as tables for people and as JSON for programs."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.table import Table

from benchmarks import trend
from benchmarks.figures import Figure
from benchmarks.growth import Size
from benchmarks.measuring import Results

_EXTRAPOLATED = (1_000_000,)
_MIB = 1024 * 1024
_VERSIONS = ("grpcio", "milvus", "numpy", "onnxruntime", "protobuf", "pymilvus", "redis")


def figures_table(figures: Sequence[Figure]) -> Table:
    """Return the figures beside their bars."""
    table = _table(f"Measured on {os.cpu_count()} cores", "measure", "figure:", "bar:", "ours:", "against:", "rounds:")
    for figure in figures:
        spread = f"{min(figure.rounds):.2f} to {max(figure.rounds):.2f}"
        table.add_row(figure.measure, _value(figure), str(figure.bar or ""), figure.ours, figure.against, spread)
    return table


def _value(figure: Figure) -> str:
    value = f"{figure.value:.2f} {figure.unit}".strip()
    if figure.bar is None:
        return value
    return f"[green]{value}[/]" if figure.bar.met_by(figure.value) else f"[red]{value}[/]"


def growth_table(sizes: Sequence[Size]) -> Table:
    """Return every size, and beyond the last of each kind what the trend gives."""
    columns = ("index", "images:", "search p50:", "pymilvus p50:", "Milvus:", "search service:", "Redis:", "on disk:")
    table = _table("Growth (MiB resident; * extrapolated)", *columns)
    for kind, group in groupby(sizes, lambda size: size.kind):
        own = list(group)
        for size in own:
            table.add_row(
                kind, f"{size.images:,}", f"{size.search_ms:.2f} ms", f"{size.direct_ms:.2f} ms", *_parts(size)
            )
        for images in _EXTRAPOLATED:
            table.add_row(
                kind, f"{images:,} *", f"{trend.of_search(own).at(images):.2f} ms *", "", *_trends(own, images)
            )
    return table


_PARTS = ("milvus_resident", "search_resident", "redis_resident", "milvus_stored")


def _parts(size: Size) -> list[str]:
    return [f"{getattr(size.footprint, part) / _MIB:.0f}" for part in _PARTS]


def _trends(sizes: Sequence[Size], images: int) -> list[str]:
    return [f"{trend.of_bytes(sizes, part).at(images) / _MIB:.0f} *" for part in _PARTS]


def bytes_table(sizes: Sequence[Size]) -> Table:
    """Return the bytes that one more image takes."""
    table = _table("Bytes an image", "index", "dimension:", "Milvus memory:", "Milvus disk:", "Redis memory:")
    for (kind, dimension), group in groupby(sizes, lambda size: (size.kind, size.dimension)):
        own = list(group)
        slopes = [trend.of_bytes(own, part).slope for part in ("milvus_resident", "milvus_stored", "redis_used")]
        table.add_row(kind, str(dimension), *(f"{slope:,.0f}" for slope in slopes))
    return table


def write(path: Path, results: Results) -> None:
    """Write everything as JSON."""
    document = {
        "cores": os.cpu_count(),
        "versions": {name: version(name) for name in _VERSIONS},
        "figures": [_document(figure) for figure in results.figures],
        "growth": [asdict(size) for size in results.sizes],
        "offered": [asdict(load) for load in results.offered],
    }
    path.write_text(json.dumps(document, indent=2) + "\n")


def _document(figure: Figure) -> dict[str, Any]:
    met = figure.bar and figure.bar.met_by(figure.value)
    return {**asdict(figure), "bar": figure.bar and str(figure.bar), "met": met}


def _table(title: str, *columns: str) -> Table:
    """Return an empty table; a colon after a column's name puts its cells to the right."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        name, colon, _ = column.partition(":")
        table.add_column(name, justify="right" if colon else "left")
    return table
