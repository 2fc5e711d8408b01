"""The values that the gateway looks into, and what it needs of the two services behind it."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol, TypeAlias

from servicekit import errors

Payload: TypeAlias = Any
"""A part of a request or an answer that is handed on unread."""


class DuplicateId(errors.InvalidArgument):
    """One id stands twice in a batch."""

    reason = "DUPLICATE_ID"


class ModelNotFound(errors.NotFound):
    """The embedder does not serve this model."""

    reason = "MODEL_NOT_FOUND"


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded image, or the address of one, or neither."""

    content: bytes
    source: Payload


@dataclass(frozen=True, slots=True)
class Entry:
    """One image to index; `position` is its place in the request.

    Where it must have been last written at the time `expected`, `write_id` names this write, so that it knows itself.
    `problem` is what is wrong with it by itself, and names a field of it.
    """

    position: int
    image_id: str
    picture: Picture
    uri: str
    attributes: Payload
    expected: Payload = None
    write_id: str = ""
    problem: errors.InvalidField | None = None


@dataclass(frozen=True, slots=True)
class Embedded:
    """What the embedder made of one picture: its vectors, or an error.

    With `reuse`, the search service has the vectors of all other models.
    """

    content_sha256: str
    width_px: int
    height_px: int
    embeddings: Payload
    error: errors.ServiceError | None = None
    reuse: bool = False

    @classmethod
    def stored(cls, content_sha256: str) -> "Embedded":
        """Return what stands for a picture whose vectors the search service has."""
        return cls(content_sha256, 0, 0, (), reuse=True)


@dataclass(frozen=True, slots=True)
class Version:
    """What a caller says an image is, its vectors apart; the hash is empty while only the embedder can know it."""

    entry: Entry
    image_id: str
    content_sha256: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What the search service knows of an image before it is embedded: all, or its content but for some models."""

    unchanged: bool
    missing_models: Sequence[str] = ()
    error: errors.ServiceError | None = None


class Outcome(Enum):
    """What a write did."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    UNCHANGED = "UNCHANGED"


@dataclass(frozen=True, slots=True)
class Indexed:
    """What became of one image: an outcome, or an error."""

    image_id: str
    content_sha256: str
    outcome: Outcome | None = None
    error: errors.ServiceError | None = None

    @property
    def content_gone(self) -> bool:
        """Whether it was sent without vectors, and the search service has them no more."""
        return self.error is not None and self.error.metadata.get("content") == "gone"


@dataclass(frozen=True, slots=True)
class Model:
    """A model that the embedder serves."""

    name: str
    fingerprint: str
    dimension: int


@dataclass(frozen=True, slots=True)
class Question:
    """What to look for: a picture, or an image of the collection; `request` holds all the rest.

    `partial`: an answer without the models that the embedder does not serve will do. None may be named then.
    """

    collection: str
    picture: Picture | None
    models: Sequence[str]
    request: Payload
    partial: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What was found, where the time went, and the models that had no part in it since they are not served."""

    found: Payload
    total_seconds: float
    embed_seconds: float
    search_seconds: float
    failed: Mapping[str, errors.ServiceError]


class Embedder(Protocol):
    """Pictures in, vectors out. Every method may raise what the embedder answers, or BackendUnavailable."""

    async def list_models(self, request: Payload) -> Payload:
        """Hand a ListModels call on."""

    async def models(self) -> list[Model]:
        """Return the models that are served, by name."""

    async def embed(self, pictures: Sequence[Picture], models: Sequence[str]) -> list[Embedded]:
        """Return what each picture became, in order; fields in errors are of a list named `images`."""


class Search(Protocol):
    """Vectors in, look-alikes out. Every method may raise what the search service answers, or BackendUnavailable."""

    async def hand_on(self, method: str, request: Payload) -> Payload:
        """Hand on a call that both services have in common."""

    async def evaluate(self, request: Payload) -> Payload:
        """Hand an EvaluateModels call on."""

    def duplicates(self, request: Payload) -> AsyncGenerator[Payload]:
        """Hand a FindDuplicates call on, and its answers back as they come."""

    async def create(self, collection: Payload, models: Sequence[Model]) -> Payload:
        """Make a collection that is bound to these models, and return it."""

    async def add_model(self, collection: str, model: Model) -> Payload:
        """Give a collection one more model, and return the collection."""

    async def models_of(self, collection: str) -> list[str]:
        """Return the names of the models that searches of a collection use."""

    async def bound_to(self, collection: str) -> list[str]:
        """Return the names of the models that images are written with, those that are being built too."""

    async def check(self, collection: str, versions: Sequence[Version]) -> tuple[list[str], list[Checked]]:
        """Return the names of the models that images are written with, and what is known of each image, in order."""

    async def find(self, collection: str, sha256: str) -> tuple[list[str], bool]:
        """Return the names of the models that searches use, and whether it has the vectors of a content."""

    async def recall(self, collection: str, request_id: str, body_sha256: str) -> list[Indexed] | None:
        """Return the answer that was kept for a request, if there is one."""

    async def keep(
        self, collection: str, request_id: str, body_sha256: str, answer: Sequence[Indexed]
    ) -> list[Indexed]:
        """Keep the answer to a request, and return the one that stands."""

    async def upsert(self, collection: str, images: Sequence[tuple[Version, Embedded]]) -> list[Indexed]:
        """Write images and return what became of each, in order; with `reuse`, the stored vectors are added."""

    async def search(self, question: Question, query: Embedded | None) -> Payload:
        """Return what is nearest to the query, or to the image that the request names."""

    async def compare(self, question: Question, query: Embedded | None) -> Payload:
        """Return each model's list and how far they agree."""
