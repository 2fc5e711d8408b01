"""The values of this service: what collections, images and their rows are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]
Attributes = Mapping[str, Any]

# Milvus returns no more from one search.
DEEPEST = 16384


class Metric(Enum):
    """How far apart two unit vectors are: see `Match.distance`."""

    L2 = "L2"
    COSINE = "COSINE"


@dataclass(frozen=True, slots=True)
class IndexSpec:
    """How vectors are indexed; an empty kind is the store's own choice."""

    kind: str = ""
    m: int = 16
    ef_construction: int = 200
    nlist: int = 128


@dataclass(frozen=True, slots=True)
class Binding:
    """A model as a collection uses it, and the name of the vector space that holds its vectors.

    Every write goes to all bindings; searches use those that are not `building`. No two spaces ever have one name.
    """

    model: str
    fingerprint: str
    dimension: int
    space: str = ""
    building: bool = False

    @property
    def tag(self) -> str:
        """The end of the space's name, by which a record names the spaces that hold it."""
        return self.space.rpartition("_")[2]


@dataclass(frozen=True, slots=True)
class Collection:
    """Images that are searched together. `uid` is fresh for each creation, so a name used again meets no old data.

    `revision` grows with every change of the bindings.
    """

    uid: str
    name: str
    metric: Metric
    index: IndexSpec
    bindings: tuple[Binding, ...]
    description: str = ""
    create_ms: int = 0
    revision: int = 1

    @property
    def active(self) -> tuple[Binding, ...]:
        """The bindings that searches use."""
        return tuple(binding for binding in self.bindings if not binding.building)


class RowKey(NamedTuple):
    """One version of one image. Generations grow by the order in which writes begin, and none is used twice."""

    image_id: str
    generation: int


@dataclass(frozen=True, slots=True)
class Version:
    """What a caller says an image is, its vectors apart."""

    image_id: str
    content_sha256: str
    uri: str = ""
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Expected:
    """When an image must have been last written, in ms since 1970, for a write to land; and the name of that write."""

    update_ms: int
    write_id: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """What is kept about an image; times in milliseconds since 1970."""

    version: Version
    width_px: int
    height_px: int
    generation: int = 0
    create_ms: int = 0
    update_ms: int = 0
    spaces: tuple[str, ...] = ()
    """Tags of the spaces that hold its row."""
    write_id: str = ""
    """Names the write that made it, where that was one that expected a time."""

    def covers(self, bindings: Sequence[Binding]) -> bool:
        """Say whether it has a row for each of these."""
        return all(binding.tag in self.spaces for binding in bindings)

    @property
    def key(self) -> RowKey:
        """The rows that this record stands for."""
        return RowKey(self.version.image_id, self.generation)


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer to a request, and the hash of the request's body."""

    body_sha256: str
    answer: bytes


@dataclass(frozen=True, slots=True)
class Row:
    """One version's vector in one vector space, with enough beside it to restore the record."""

    record: Record
    vector: Vector


@dataclass(frozen=True, slots=True)
class Match:
    """A row near a query. `distance` is Euclidean for L2 (not its square) and 1 - cosine for COSINE, both in [0, 2]."""

    key: RowKey
    distance: float


class Outcome(Enum):
    """What a write did."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    UNCHANGED = "UNCHANGED"
    CONFLICT = "CONFLICT"
    CHANGED = "CHANGED"
    """Nothing: it was written for an earlier revision of the collection."""
    STALE = "STALE"
    """Nothing: the image is not there, or was not last written at the time expected."""
    GONE = "GONE"
    """Nothing: it came without vectors, and there is no image left that it could have them from."""


class Coverage(NamedTuple):
    """How many images a collection holds, and by tag how many of them have a row in each space."""

    images: int
    by_tag: Mapping[str, int]


class Expired(NamedTuple):
    """How many intents became garbage, and how many tombstones went."""

    intents: int
    tombstones: int
