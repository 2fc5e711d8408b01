"""The page: what it shows, and that nothing it shows can become part of it."""

from collections.abc import Callable
from html.parser import HTMLParser

import pytest

from likeness.documents import Document
from likeness.page import render

HOSTILE = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(1)'>",
    "'; background: url(//evil.example/x); '",
    "</style><style>*{display:none}</style>",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
]


class Elements(HTMLParser):
    """Every element with its attributes, and every text outside the style sheet."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def values(self, attribute: str) -> list[str | None]:
        return [attributes[attribute] for _, attributes in self.found if attribute in attributes]


def document(text: str = "a.png", models: tuple[str, ...] = ("colour", "shape")) -> Document:
    hit = {
        "image_id": text,
        "rank": 1,
        "distance": 0.5,
        "similarity": 0.875,
        "uri": text,
        "attributes": {"label": text},
    }
    parts = [
        {"model": name, "rank": i + 1, "distance": 0.5, "weight": 1.0, "score": 1.0 + i}
        for i, name in enumerate(models)
    ]
    return {
        "collection": text,
        "query": {"path": text, "image_id": None, "uri": text},
        "hits": [{**hit, "score": sum(range(1, len(models) + 1)), "contributions": parts}],
        "per_model": [{"model": name, "metric": "L2", "hits": [hit]} for name in models],
        "model_errors": [{"model": text, "code": text, "reason": text, "message": text}],
        "timings": {"total_seconds": 0.25, "embed_seconds": 0.125, "search_seconds": 0.125},
    }


def comparison(text: str = "a.png") -> Document:
    pair = {
        "model_a": "colour",
        "model_b": "shape",
        "overlap_at_k": 0.5,
        "rank_biased_overlap": 0.25,
        "kendall_tau": None,
    }
    own = {key: value for key, value in document(text).items() if key in ("collection", "query", "per_model")}
    return {**own, "agreements": [pair]}


def test_the_fused_list_comes_first_and_then_each_model() -> None:
    elements = Elements(render("search", document()))
    assert elements.values("data-model") == ["fused", "colour", "shape"]
    assert elements.values("data-image-id") == ["a.png"] * 3
    assert elements.values("data-rank") == ["1"] * 3


def test_a_share_is_a_models_part_of_the_score() -> None:
    elements = Elements(render("search", document()))
    bars = [attributes["style"] for tag, attributes in elements.found if tag == "i"]
    assert bars == ["width: 33.3%", "width: 66.7%"]


def test_a_comparison_has_no_fused_list_and_says_how_far_the_models_agree() -> None:
    elements = Elements(render("compare", comparison()))
    assert elements.values("data-model") == ["colour", "shape"]
    texts = [text.strip() for text in elements.texts]
    assert "50%" in texts
    assert "0.250" in texts
    assert "–" in texts  # noqa: RUF001 what stands for a tau that does not exist


def test_nothing_found_is_said() -> None:
    empty = document()
    empty["hits"] = []
    for own in empty["per_model"]:
        own["hits"] = []
    assert Elements(render("search", empty)).texts.count("Nothing was found.") == 3


def test_sixteen_models_have_sixteen_colours() -> None:
    names = tuple(f"model-{i}" for i in range(16))
    elements = Elements(render("search", document(models=names)))
    chips = [attributes["style"] for _, attributes in elements.found if attributes.get("class") == "chip"]
    assert len(set(chips)) == 16


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(("kind", "make"), [("search", document), ("compare", comparison)])
def test_text_from_elsewhere_stays_text(text: str, kind: str, make: Callable[[str], Document]) -> None:
    harmless, hostile = Elements(render(kind, make("a.png"))), Elements(render(kind, make(text)))
    assert [tag for tag, _ in hostile.found] == [tag for tag, _ in harmless.found]
    assert [set(found) for _, found in hostile.found] == [set(found) for _, found in harmless.found]
    assert hostile.values("style") == harmless.values("style")
    assert text in hostile.values("data-image-id")
    assert hostile.values("src") == []
    assert hostile.values("href") == []


def test_a_model_whose_list_lacks_an_image_says_so_beside_its_share() -> None:
    lacking = document()
    lacking["hits"][0]["contributions"][0]["rank"] = 0
    texts = " ".join(Elements(render("search", lacking)).texts)
    assert "not in its list" in texts
    assert "#0" not in texts
    assert "33%" in texts
