"""A search or a comparison as one HTML file that needs nothing else: no script, no font, no address."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import jinja2

from likeness.documents import Document
from likeness.image_ids import readable
from likeness.thumbnails import Thumbnails

FUSED = "fused"


@dataclass(frozen=True, slots=True)
class Part:
    """What one model contributed to a fused hit: `share` of the score, in [0, 1]. Rank 0: its list lacks the image."""

    model: str
    hue: int
    rank: int
    distance: float
    share: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where else on the page a picture stands."""

    title: str
    rank: int


@dataclass(frozen=True, slots=True)
class Card:
    """One hit as it is shown: `name` is its id as a path; `picture` a data: address, or empty where there is none."""

    image_id: str
    name: str
    rank: int
    distance: float
    similarity: float
    picture: str
    label: str
    parts: Sequence[Part] = ()
    elsewhere: Sequence[Place] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One list of hits; `key` is the model's name, or `fused`."""

    key: str
    title: str
    subtitle: str
    hue: int
    cards: Sequence[Card] = field(default_factory=tuple)


def render(kind: str, document: Document) -> str:
    """Return the page of what `search` or `compare` answered: a fused list first, then each model's own."""
    return _Page(document).render(kind)


class _Page:
    def __init__(self, document: Document) -> None:
        self._document = document
        self._thumbnails = Thumbnails()
        names = [own["model"] for own in document["per_model"]]
        # Spread round the colour circle, so that each model is known by its colour.
        self._hues = {name: (215 + i * 360 // len(names)) % 360 for i, name in enumerate(names)}
        lists = {own["model"]: own["hits"] for own in document["per_model"]}
        if "hits" in document:
            lists = {FUSED: document["hits"], **lists}
        self._ranks = {title: {hit["image_id"]: hit["rank"] for hit in hits} for title, hits in lists.items()}

    def render(self, kind: str) -> str:
        columns = [self._own(own) for own in self._document["per_model"]]
        query = self._document["query"]
        return _template().render(
            kind=kind,
            document=self._document,
            columns=[self._fused(), *columns] if FUSED in self._ranks else columns,
            rows=max((len(ranks) for ranks in self._ranks.values()), default=0),
            hues=self._hues,
            query_name=readable(query["image_id"] or "") or query["path"].rpartition("/")[2],
            query_picture=self._thumbnails.large(query["uri"]),
        )

    def _fused(self) -> Column:
        cards = [self._card(hit, parts=self._parts(hit)) for hit in self._document["hits"]]
        return Column(FUSED, "Fused", "all models together", 0, cards)

    def _own(self, own: Document) -> Column:
        name = own["model"]
        cards = [self._card(hit, elsewhere=self._elsewhere(hit["image_id"], name)) for hit in own["hits"]]
        return Column(name, name, f"by itself, {own['metric']}", self._hues[name], cards)

    def _card(self, hit: Document, *, parts: Sequence[Part] = (), elsewhere: Sequence[Place] = ()) -> Card:
        return Card(
            image_id=hit["image_id"],
            name=readable(hit["image_id"]),
            rank=hit["rank"],
            distance=hit["distance"],
            similarity=hit["similarity"],
            picture=self._thumbnails.small(hit["uri"]),
            label=str(hit.get("attributes", {}).get("label", "")),
            parts=parts,
            elsewhere=elsewhere,
        )

    def _parts(self, hit: Document) -> list[Part]:
        total = hit["score"] or 1.0
        return [
            Part(part["model"], self._hues[part["model"]], part["rank"], part["distance"], part["score"] / total)
            for part in hit["contributions"]
        ]

    def _elsewhere(self, image_id: str, here: str) -> list[Place]:
        others = ((title, ranks) for title, ranks in self._ranks.items() if title != here)
        return [Place(title, ranks[image_id]) for title, ranks in others if image_id in ranks]


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("likeness"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2")
