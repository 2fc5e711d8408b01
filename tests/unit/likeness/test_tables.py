"""Tables show what is in an answer, and nothing in it commands the terminal."""

import io

import pytest
from rich.console import Console, RenderableType

from likeness import tables
from likeness.documents import Document

HOSTILE = "\x1b]0;owned\x07\x1b[2J[red]x[/red] \N{RIGHT-TO-LEFT OVERRIDE}\n\r\x9b"


def shown(renderable: RenderableType) -> str:
    file = io.StringIO()
    Console(file=file, width=200, force_terminal=True, color_system=None).print(renderable)
    return file.getvalue()


def hit(image_id: str, rank: int = 1) -> Document:
    parts = [
        {"model": "colour", "rank": 2, "distance": 0.25, "weight": 1.0, "score": 0.5},
        {"model": "shape", "rank": 7, "distance": 0.125, "weight": 1.0, "score": 0.5},
    ]
    return {
        "image_id": image_id,
        "rank": rank,
        "distance": 0.1875,
        "similarity": 0.98,
        "uri": "",
        "attributes": {},
        "score": 1.0,
        "contributions": parts,
    }


def found(image_id: str) -> Document:
    per_model = [{"model": name, "metric": "L2", "hits": [hit(image_id)]} for name in ("colour", "shape")]
    return {"hits": [hit(image_id)], "per_model": per_model}


def test_a_hit_has_its_figures_and_each_models_rank_and_distance() -> None:
    text = shown(tables.search(found("a.png")))
    for figure in ("a.png", "0.1875", "0.9800", "1.00000", "#2 0.2500", "#7 0.1250"):
        assert figure in text


@pytest.mark.parametrize("absent", [True, False])
def test_a_model_that_did_not_find_an_image_has_a_dash(absent: bool) -> None:
    document = found("a.png")
    if absent:
        del document["hits"][0]["contributions"][0]
    else:
        document["hits"][0]["contributions"][0]["rank"] = 0
    (row,) = [line for line in shown(tables.search(document)).splitlines() if "a.png" in line]
    assert [cell.strip() for cell in row.split("│")][6:8] == ["-", "#7 0.1250"]


def test_an_absent_tau_is_a_dash() -> None:
    pair = {
        "model_a": "colour",
        "model_b": "shape",
        "overlap_at_k": 0.25,
        "rank_biased_overlap": 0.5,
        "kendall_tau": None,
    }
    (row,) = [line for line in shown(tables.agreements({"agreements": [pair]})).splitlines() if "colour" in line]
    assert [cell.strip() for cell in row.split("│")][1:-1] == ["colour / shape", "25%", "0.500", "-"]


def test_a_model_that_lacks_images_says_how_far_it_is() -> None:
    states = [
        ("colour", "ACTIVE", 1600),
        ("edges", "ACTIVE", 1599),
        ("shape", "BUILDING", 1200),
        ("full", "BUILDING", 1600),
    ]
    document = {
        "name": "pets",
        "models": ["colour", "edges"],
        "bindings": [{"model": name, "state": state, "image_count": count} for name, state, count in states],
        "metric": "L2",
        "index": "FLAT",
        "image_count": 1600,
        "create_time": "2026-01-02T03:04:05Z",
    }
    (row,) = [line for line in shown(tables.collections([document])).splitlines() if "pets" in line]
    models = "colour, edges (1,599 of 1,600), shape (building, 1,200 of 1,600), full (building, 1,600 of 1,600)"
    assert [cell.strip() for cell in row.split("│")][2] == models
    # As a gateway answers that knows no states.
    assert "colour, edges" in shown(tables.collections([{**document, "bindings": []}]))


@pytest.mark.parametrize(
    "table",
    [
        tables.search(found(HOSTILE)),
        tables.comparison(found(HOSTILE)),
        *tables.refusals({"refused": [{"path": HOSTILE, "reason": HOSTILE, "message": HOSTILE}]}),
        tables.parts([{"name": "embedder", "answers": False, "latency_ms": 1.0, "message": HOSTILE}]),
    ],
)
def test_text_from_elsewhere_commands_no_terminal(table: RenderableType) -> None:
    text = shown(table)
    assert "[red]x[/red]" in text
    assert all(character.isprintable() for character in text.replace("\n", ""))
