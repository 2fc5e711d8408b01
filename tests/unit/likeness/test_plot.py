"""Charts show every figure, and nothing in them is obeyed."""

import io
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from PIL import Image
from rich.console import Console

from likeness import plot, tables
from likeness.documents import Document
from likeness.errors import LikenessError
from likeness.plot_file import plotter

FIGURES = {
    "precision_at_k": 0.918,
    "recall_at_k": 0.155,
    "mean_average_precision": 0.84,
    "mean_distance_same_label": 0.9,
    "mean_distance_other_labels": 1.15,
    "query_count": 600,
}


def document(*models: str) -> Document:
    return {
        "collection": "photos",
        "label": "label",
        "top_k": 10,
        "sample": 0,
        "seed": 0,
        "fusion": "distance",
        "labelled_count": 1601,
        "label_count": 10,
        "alone_count": 2,
        "per_model": [{"model": model, **FIGURES} for model in models],
        "fused": {**FIGURES, "mean_average_precision": 0.861},
    }


def drawn(svg: bytes) -> str:
    """Return the texts that a chart carries beside its outlines."""
    ET.fromstring(svg)
    return " ".join(re.findall(r"<!--(.*?)-->", svg.decode(), flags=re.DOTALL))


def test_a_chart_names_every_model_and_every_figure() -> None:
    text = drawn(plot.draw(document("colour", "shape"), "svg"))
    for word in ("colour", "shape", "fused by distance", "P@10", "recall@10", "mAP", "0.92", "0.86", "1.15", "600"):
        assert word in text


def test_one_model_has_no_fused_list_beside_it() -> None:
    assert "fused" not in drawn(plot.draw(document("colour"), "svg"))


def test_a_chart_may_be_pixels() -> None:
    with Image.open(io.BytesIO(plot.draw(document("colour", "shape"), "png"))) as picture:
        picture.load()
        assert (picture.format, picture.width > picture.height > 500) == ("PNG", True)


def test_many_models_still_fit() -> None:
    text = drawn(plot.draw(document(*(f"model-{i}" for i in range(16))), "svg"))
    assert all(f"model-{i}" in text for i in range(16))


def test_text_from_elsewhere_is_no_formula_and_breaks_nothing() -> None:
    hostile = document("$\\frac{1}$", "a\x1b[2J<b>")
    hostile["label"] = "$x$ \n"
    ET.fromstring(plot.draw(hostile, "svg"))


def test_a_file_that_cannot_be_written_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(LikenessError, match="FILE_UNWRITABLE"):
        plotter(tmp_path / "nowhere" / "chart.svg")(document("colour"))


@pytest.mark.parametrize("suffix", [".svg", ".png", ".pdf"])
def test_a_chart_may_be_drawn_anew(tmp_path: Path, suffix: str) -> None:
    chart = tmp_path / f"chart{suffix}"
    chart.touch()
    for models in (("colour",), ("colour", "shape")):
        before = chart.read_bytes()
        plotter(chart)(document(*models))
        assert chart.read_bytes() != before


def test_a_photo_is_not_drawn_over(tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    Image.new("RGB", (8, 8)).save(photo)
    before = photo.read_bytes()
    with pytest.raises(LikenessError, match="is there already, and is no chart"):
        plotter(photo)
    assert photo.read_bytes() == before


def test_a_table_has_every_figure_and_says_what_was_left_out() -> None:
    file = io.StringIO()
    console = Console(file=file, width=200, force_terminal=True)
    console.print(tables.evaluation(document("colour", "shape")), tables.counted(document("colour")))
    text = file.getvalue()
    for word in ("colour", "shape", "fused by distance", "P@10", "0.918", "0.155", "0.840", "0.9000", "1.1500", "600"):
        assert word in text
    assert "\x1b[1m0.861" in text, "the best is bold"
    assert "1,601 images of 10 labels; 2 of them have a label of their own" in text
