"""The search service's core over the stores' twins."""

from dataclasses import dataclass, field

import numpy as np
import pytest

from search_service.catalogue import Catalogue
from search_service.guard import Guard
from search_service.images import Images
from search_service.index import Index
from search_service.lease import Lease
from search_service.model_change import ModelChanges
from search_service.query import Query
from search_service.rebuild import Rebuilder
from search_service.reconcile import Reconciler
from search_service.sweep import Sweeper
from search_service.values import Binding, Collection, IndexSpec, Metric, Outcome, Version
from search_service.writer import ModelVector, NewImage, Writer
from tests.fakes_repair import RepairableRecordStore, RepairableVectorStore

DIMENSIONS = {"a": 8, "b": 4}


def vector_of(model: str, seed: int) -> ModelVector:
    """Return a unit vector that is the same for the same seed."""
    vector = np.random.default_rng([seed, DIMENSIONS[model]]).normal(size=DIMENSIONS[model])
    return ModelVector(model, f"print-{model}", (vector / np.linalg.norm(vector)).astype(np.float32))


def new_image(image_id: str, seed: int = 0, **attributes: object) -> NewImage:
    """Return an image whose content and vectors follow from its seed."""
    version = Version(image_id, f"{seed:064x}", f"file:///{image_id}", attributes)
    return NewImage(version, 4, 3, [vector_of(model, seed) for model in DIMENSIONS])


@dataclass
class Core:
    """All of the core, and the twins beneath it."""

    records: RepairableRecordStore = field(default_factory=RepairableRecordStore)
    vectors: RepairableVectorStore = field(default_factory=RepairableVectorStore)

    def __post_init__(self) -> None:
        stores = (self.records, self.vectors)
        self.guard = Guard(*stores, shared_milvus=False)
        self.lease = Lease(self.records, seconds=30, rows_per_second=1e9)
        self.sweeper = Sweeper(
            *stores, self.guard, self.lease, interval_seconds=1, retention_seconds=5, horizon_seconds=100
        )
        self.reconciler = Reconciler(*stores, self.guard, self.lease)
        self.rebuilder = Rebuilder(*stores, self.guard, self.lease, horizon_seconds=100)
        self.catalogue = Catalogue(self.records, self.vectors, horizon_seconds=100)
        self.writer = Writer(self.records, self.vectors, write_timeout_seconds=5)
        self.models = ModelChanges(self.records, self.vectors)
        self.images = Images(self.records)
        self.index = Index(self.records, self.vectors, fusion_depth=10, margin=2)

    async def create(self, name: str = "c", metric: Metric = Metric.L2) -> Collection:
        """Make a collection of both models."""
        bindings = tuple(Binding(model, f"print-{model}", size) for model, size in DIMENSIONS.items())
        made = await self.catalogue.create(Collection("", name, metric, IndexSpec(), bindings))
        return made.collection

    async def put(self, *images: NewImage) -> list[Outcome]:
        """Write to the collection `c`."""
        return await self.writer.upsert("c", images)

    async def found(self, seed: int, **options: object) -> list[str]:
        """Return the fused ids nearest to the vectors of a seed."""
        vectors = [vector_of(model, seed) for model in DIMENSIONS]
        answer = await self.index.search(Query("c", vectors, **options))  # type: ignore[arg-type]
        return [hit.image_id for hit in answer.fused]

    def rows(self) -> int:
        """Return how many rows there are in all spaces."""
        return sum(len(space) for space in self.vectors.spaces.values())


@pytest.fixture
async def core() -> Core:
    """A core with an empty collection `c`."""
    made = Core()
    await made.create()
    return made
