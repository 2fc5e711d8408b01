"""What a program gets back: plain values, read from the contract's messages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from google.protobuf import json_format

from likeness.errors import LikenessError, from_status
from likeness.v1 import embedder_pb2, types_pb2
from likeness.v1 import image_search_pb2 as pb

Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Contribution:
    """How one model contributed to one fused hit. Rank 0: the model's list lacks the image."""

    model: str
    rank: int
    distance: float
    weight: float
    score: float


@dataclass(frozen=True, slots=True)
class Hit:
    """One look-alike.

    Attributes:
        image_id: The image's id.
        rank: Place in its list, from 1.
        distance: Euclidean distance of the unit vectors, or 1 - cosine in a COSINE collection; in [0, 2].
        similarity: Their cosine, in [-1, 1].
        score: What a fused list is ordered by, higher is better; 0 in a model's own list.
        uri: Where the image is kept, as its indexer said.
        attributes: The image's, where `include_attributes` asked for them.
        contributions: What each model had to say; only in a fused list.
    """

    image_id: str
    rank: int
    distance: float
    similarity: float
    score: float = 0.0
    uri: str = ""
    attributes: Attributes = field(default_factory=dict)
    contributions: tuple[Contribution, ...] = ()


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The fused list, each model's own list by its name, and the models that could not answer."""

    hits: tuple[Hit, ...]
    per_model: Mapping[str, tuple[Hit, ...]]
    model_errors: Mapping[str, LikenessError]


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two models' lists agree; `kendall_tau` is None where fewer than two images are in both."""

    model_a: str
    model_b: str
    overlap_at_k: float
    rank_biased_overlap: float
    kendall_tau: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Each model's own list by its name, and every pair of models."""

    per_model: Mapping[str, tuple[Hit, ...]]
    agreements: tuple[Agreement, ...]


@dataclass(frozen=True, slots=True)
class Indexed:
    """What became of one image: `outcome` is CREATED, UPDATED or UNCHANGED, and durable; empty beside an `error`."""

    image_id: str
    content_sha256: str = ""
    outcome: str = ""
    error: LikenessError | None = None


@dataclass(frozen=True, slots=True)
class Deleted:
    """How many images were there and are gone, and the ids that were not there."""

    count: int
    missing_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ImageRecord:
    """What is kept about an image."""

    image_id: str
    content_sha256: str
    uri: str
    attributes: Attributes
    width_px: int
    height_px: int
    create_time: datetime
    update_time: datetime


@dataclass(frozen=True, slots=True)
class Collection:
    """Images that are searched together. Searches use `models`; `metric` is L2 or COSINE."""

    name: str
    models: tuple[str, ...]
    metric: str
    description: str
    image_count: int
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Model:
    """A network that the server has, and the length of its vectors."""

    name: str
    description: str
    dimension: int
    fingerprint: str


def search_result(message: pb.SearchImagesResponse) -> SearchResult:
    """Return a search's answer."""
    failed = {failure.model: from_status(failure.error) for failure in message.model_errors}
    return SearchResult(_hits(message.hits), _lists(message.per_model), failed)


def comparison(message: pb.CompareModelsResponse) -> Comparison:
    """Return a comparison's answer."""
    return Comparison(_lists(message.per_model), tuple(_agreement(pair) for pair in message.agreements))


def indexed(message: pb.IndexResult) -> Indexed:
    """Return what became of one image."""
    if message.HasField("error"):
        return Indexed(message.image_id, message.content_sha256, error=from_status(message.error))
    outcome = pb.IndexResult.Outcome.Name(message.outcome).removeprefix("OUTCOME_")
    return Indexed(message.image_id, message.content_sha256, outcome)


def record(message: pb.ImageRecord) -> ImageRecord:
    """Return one record."""
    return ImageRecord(
        message.image_id,
        message.content_sha256,
        message.uri,
        json_format.MessageToDict(message.attributes),
        message.width_px,
        message.height_px,
        message.create_time.ToDatetime(UTC),
        message.update_time.ToDatetime(UTC),
    )


def collection(message: pb.Collection) -> Collection:
    """Return one collection."""
    metric = types_pb2.Metric.Name(message.metric).removeprefix("METRIC_")
    created = message.create_time.ToDatetime(UTC)
    return Collection(message.name, tuple(message.models), metric, message.description, message.image_count, created)


def model(message: embedder_pb2.Model) -> Model:
    """Return one model."""
    return Model(message.name, message.description, message.dimension, message.fingerprint)


def _lists(messages: Iterable[types_pb2.ModelHits]) -> dict[str, tuple[Hit, ...]]:
    return {own.model: _hits(own.hits) for own in messages}


def _hits(messages: Iterable[types_pb2.Hit]) -> tuple[Hit, ...]:
    return tuple(
        Hit(
            hit.image_id,
            hit.rank,
            hit.distance,
            hit.similarity,
            hit.score,
            hit.uri,
            json_format.MessageToDict(hit.attributes),
            tuple(Contribution(c.model, c.rank, c.distance, c.weight, c.score) for c in hit.contributions),
        )
        for hit in messages
    )


def _agreement(pair: pb.PairAgreement) -> Agreement:
    tau = pair.kendall_tau if pair.HasField("kendall_tau") else None
    return Agreement(pair.model_a, pair.model_b, pair.overlap_at_k, pair.rank_biased_overlap, tau)
