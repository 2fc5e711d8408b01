"""What a table says is all there, whatever the width: in a terminal and in a pipe."""

import io
import re

import pytest
from rich.console import Console, RenderableType
from rich.text import Text

from likeness import listing, tables
from likeness.documents import Document
from likeness.listing import UNLIMITED, Listing

WIDTHS = [40, 80, 120, UNLIMITED]
LONG_ID = "2024/" + "holiday-" * 15 + "beach.jpg"
IDS = ["a.jpg", "2024/holidays/beach-1234567890.jpg", LONG_ID]
COUNTS = [1, 2, 3, 4, 8, 16]


def shown(renderable: RenderableType, width: int) -> str:
    file = io.StringIO()
    Console(file=file, width=width, force_terminal=True, color_system=None).print(renderable)
    return file.getvalue()


def unwrapped(text: str) -> str:
    """Return a text without spaces, breaks and borders, so that what is wrapped reads as if it were not."""
    return re.sub(r"[\s─━│┃┏┓┗┛└┘├┤┡┩┬┴┼╇┳┻╈╋]", "", text)


def first_columns(text: str, count: int) -> str:
    """Return what the first columns of a table say, or the heads of paragraphs."""
    lines = text.splitlines()
    if "│" in text:
        return unwrapped("".join("".join(line.split("│")[1 : count + 1]) for line in lines if "│" in line))
    return unwrapped("".join(line for line in lines[1:] if not line.startswith("    ")))


def answer(models: int) -> Document:
    names = [f"model-number-{i}" for i in range(models)]
    hits = []
    for rank, image_id in enumerate(IDS, 1):
        contributions = [{"model": name, "rank": 7, "distance": 0.25 + i / 100} for i, name in enumerate(names)]
        figures = {"rank": rank, "distance": 0.1875, "similarity": 0.98}
        hits.append({"image_id": image_id, **figures, "score": 0.5, "contributions": contributions})
    return {"hits": hits, "per_model": [{"model": name, "metric": "L2", "hits": hits} for name in names]}


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("models", COUNTS)
def test_a_hit_loses_neither_its_id_nor_what_a_model_says(models: int, width: int) -> None:
    document = answer(models)
    text = shown(tables.search(document), width)
    assert max(map(len, text.splitlines())) <= width
    assert "…" not in text
    assert first_columns(text, 2) == "".join(f"{rank}{image_id}" for rank, image_id in enumerate(IDS, 1))
    for own in document["per_model"]:
        assert unwrapped(own["model"]) in unwrapped(text)
    for part in document["hits"][0]["contributions"]:
        assert text.count(f"#7 {part['distance']:.4f}") == len(IDS)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("models", COUNTS[1:])
def test_a_comparison_keeps_ids_and_pairs(models: int, width: int) -> None:
    document = answer(models)
    pairs = [(a["model"], b["model"]) for a in document["per_model"] for b in document["per_model"] if a is not b]
    figures = {"overlap_at_k": 0.25, "rank_biased_overlap": 0.5, "kendall_tau": None}
    document["agreements"] = [{"model_a": a, "model_b": b, **figures} for a, b in pairs]
    lists, agreements = shown(tables.comparison(document), width), shown(tables.agreements(document), width)
    assert max(map(len, (lists + agreements).splitlines())) <= width
    assert "…" not in lists + agreements
    assert lists.count("a.jpg") == models
    assert first_columns(agreements, 1) == "".join(f"{a}/{b}" for a, b in pairs)
    assert agreements.count("25%") == agreements.count("0.500") == len(pairs)


def test_in_a_pipe_each_hit_is_one_line_and_each_list_under_the_last() -> None:
    text = shown(tables.search(answer(16)), UNLIMITED)
    assert [sum(image_id in line for line in text.splitlines()) for image_id in IDS] == [1, 1, 1]
    assert len({line.count(LONG_ID) for line in shown(tables.comparison(answer(3)), UNLIMITED).splitlines()}) == 2


@pytest.mark.parametrize(("columns", "width"), [(None, UNLIMITED), ("60", 60)])
def test_what_is_no_terminal_is_as_wide_as_it_is_told(
    monkeypatch: pytest.MonkeyPatch, columns: str | None, width: int
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    if columns:
        monkeypatch.setenv("COLUMNS", columns)
    assert listing.answers().width == width


@pytest.mark.parametrize("width", [5, 10, 20, 40, 80])
def test_every_text_is_shown_at_every_width(width: int) -> None:
    table = Listing("A title", "#:right", "key", "figure:right", "text")
    table.add("17", "the/key/of/a/row.jpg", "0.12345", "words that say what it is")
    table.add("18", "k", "", Text("styled", style="red"))
    text = unwrapped(shown(table, width))
    for cell in ("the/key/of/a/row.jpg", "0.12345", "wordsthatsaywhatitis", "18k", "styled"):
        assert cell in text


def test_a_description_is_never_a_few_letters_wide() -> None:
    description = "Colour histograms in Lab space on three levels"
    model = {"name": "colour", "state": "READY", "dimension": 512, "license": "Apache-2.0", "description": description}
    for width in (40, 60, 80, 100):
        text = shown(tables.models([{**model, "fingerprint": "0123456789ab"}]), width)
        assert "histograms" in text
