"""The write path: an intent, the rows, the transaction that commits. What loses is swept up later."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from search_service import limits
from search_service.catalogue import require_fingerprint
from search_service.encoding import attributes_text
from search_service.ports import (
    Binding,
    Collection,
    Outcome,
    Record,
    RecordStore,
    Row,
    Vector,
    VectorStore,
    Version,
)
from servicekit import deadline
from servicekit.errors import InvalidField, invalid_field


@dataclass(frozen=True, slots=True)
class ModelVector:
    """One model's vector of one image: shape (dimension,), float32, of length 1."""

    model: str
    fingerprint: str
    vector: Vector


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image to write, with a vector for each of the collection's models."""

    version: Version
    width_px: int
    height_px: int
    vectors: Sequence[ModelVector]


class Writer:
    """Writes images so that an acknowledged one is never lost and a half-written one never seen."""

    def __init__(self, records: RecordStore, vectors: VectorStore, *, write_timeout_seconds: float) -> None:
        self._records = records
        self._vectors = vectors
        self._write_timeout = write_timeout_seconds

    async def check(self, name: str, versions: Sequence[Version]) -> tuple[Collection, list[bool | InvalidField]]:
        """Return the collection and, for each image, whether it holds exactly this, or what is wrong with it.

        Raises:
            CollectionNotFound: there is no such collection.
            DuplicateId: an id stands twice.
            InvalidField: the batch is empty or too large.
        """
        limits.require_batch([version.image_id for version in versions])
        collection = await self._records.collection(name)
        problems = [limits.problem_of(version, f"images[{i}]") for i, version in enumerate(versions)]
        unchanged = await self._unchanged(collection, versions)
        return collection, [problem or same for problem, same in zip(problems, unchanged, strict=True)]

    async def upsert(self, name: str, images: Sequence[NewImage]) -> list[Outcome]:
        """Write images and say what became of each. CREATED, UPDATED and UNCHANGED are durable.

        Raises:
            CollectionNotFound: there is no such collection.
            DuplicateId: an id stands twice.
            FingerprintMismatch: a vector was made by another version of its model.
            InvalidField: an image breaks a rule, or a model's vector is missing or does not fit.
        """
        collection, checked = await self.check(name, [image.version for image in images])
        for i, (image, known) in enumerate(zip(images, checked, strict=True)):
            if isinstance(known, InvalidField):
                raise known
            _require_fit(collection, image, f"images[{i}].embeddings")
        changed = [i for i, known in enumerate(checked) if not known]
        outcomes = dict.fromkeys(range(len(images)), Outcome.UNCHANGED)
        if changed:
            outcomes.update(zip(changed, await self._write(collection, [images[i] for i in changed]), strict=True))
        return list(outcomes.values())

    async def _unchanged(self, collection: Collection, versions: Sequence[Version]) -> list[bool]:
        records = await self._records.read(collection.uid, [version.image_id for version in versions])
        return [
            record is not None and _same(record.version, version)
            for record, version in zip(records, versions, strict=True)
        ]

    async def _write(self, collection: Collection, images: Sequence[NewImage]) -> list[Outcome]:
        """Intents, then rows, then the transaction that commits; whatever fails before that leaves only garbage."""
        with deadline.stage("search"):
            async with deadline.limit(self._write_timeout):
                ids = [image.version.image_id for image in images]
                generations = await self._records.begin(collection.uid, ids)
                records = [
                    Record(image.version, image.width_px, image.height_px, generation)
                    for image, generation in zip(images, generations, strict=True)
                ]
                await asyncio.gather(*(self._insert(b, images, records) for b in collection.bindings))
                return await self._records.commit(collection.uid, records)

    async def _insert(self, binding: Binding, images: Sequence[NewImage], records: Sequence[Record]) -> None:
        rows = [
            Row(record, _by_model(image)[binding.model].vector) for image, record in zip(images, records, strict=True)
        ]
        await self._vectors.insert(binding.space, rows)


def _by_model(image: NewImage) -> Mapping[str, ModelVector]:
    return {vector.model: vector for vector in image.vectors}


def _same(known: Version, given: Version) -> bool:
    return (known.content_sha256, known.uri) == (given.content_sha256, given.uri) and (
        attributes_text(known.attributes) == attributes_text(given.attributes)
    )


def _require_fit(collection: Collection, image: NewImage, field: str) -> None:
    given = _by_model(image)
    for binding in collection.bindings:
        if binding.model not in given:
            raise invalid_field(field, f"no vector of model {binding.model!r}")
        require_fingerprint(binding, given[binding.model].fingerprint)
        limits.require_vector(field, given[binding.model].vector, binding.model, binding.dimension)
