"""The write path: an intent, the rows, the transaction that commits. What loses is swept up later."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from search_service import limits
from search_service.catalogue import require_fingerprint
from search_service.contents import Contents, Stored
from search_service.encoding import attributes_text
from search_service.ports import CollectionChanged, RecordStore, VectorStore
from search_service.values import Binding, Collection, Expected, Outcome, Record, Row, Vector, Version
from servicekit import deadline
from servicekit.errors import InvalidField, ServiceError, invalid_field

Models = tuple[Binding, ...]


@dataclass(frozen=True, slots=True)
class ModelVector:
    """One model's vector of one image: shape (dimension,), float32, of length 1."""

    model: str
    fingerprint: str
    vector: Vector


@dataclass(frozen=True, slots=True)
class NewImage:
    """An image to write, with a vector for each of the collection's models.

    With `reuse`, those of other models are the ones that its content has already, and so is its size. With
    `expected` it is written only if the image was last written then.
    """

    version: Version
    width_px: int
    height_px: int
    vectors: Sequence[ModelVector]
    reuse: bool = False
    expected: Expected | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What a collection has of an image before it is written: all of it, or its content but for some models.

    A `stale` one is not to be written: it was not last written when it was expected to have been.
    """

    unchanged: bool
    content: bool
    missing_models: Sequence[str]
    stale: bool = False


class Writer:
    """Writes images so that an acknowledged one is never lost and a half-written one never seen."""

    def __init__(self, records: RecordStore, vectors: VectorStore, *, write_timeout_seconds: float) -> None:
        self._records = records
        self._vectors = vectors
        self._contents = Contents(records, vectors)
        self._write_timeout = write_timeout_seconds

    async def check(
        self, name: str, versions: Sequence[Version], expected: Sequence[Expected | None]
    ) -> tuple[Collection, list[Known | InvalidField]]:
        """Return the collection and, for each image, what it has of it, or what is wrong with the image.

        `expected` holds for each when it must have been last written, or None.

        Raises:
            CollectionNotFound: there is no such collection.
            DuplicateId: an id stands twice.
            InvalidField: the batch is empty or too large.
        """
        limits.require_batch([version.image_id for version in versions])
        collection = await self._records.collection(name)
        problems = [limits.problem_of(version, f"images[{i}]") for i, version in enumerate(versions)]
        known = await self._known(collection, versions, expected)
        return collection, [problem or has for problem, has in zip(problems, known, strict=True)]

    async def upsert(self, name: str, images: Sequence[NewImage]) -> list[Outcome]:
        """Write images and say what became of each. CREATED, UPDATED and UNCHANGED are durable.

        Raises:
            CollectionNotFound: there is no such collection.
            DuplicateId: an id stands twice.
            FingerprintMismatch: a vector was made by another version of its model.
            InvalidField: an image breaks a rule, or a model's vector does not fit, or is missing in a collection whose
                models are those that it was made with.
            CollectionChanged: the collection got another model meanwhile, or may have: a vector is missing.
        """
        versions = [image.version for image in images]
        limits.require_batch([version.image_id for version in versions])
        collection = await self._records.collection(name)
        for i, image in enumerate(images):
            _require_valid(collection, image, f"images[{i}]")
        settled = await self._settled(collection, versions, [image.expected for image in images])
        todo = [image for image, outcome in zip(images, settled, strict=True) if outcome is None]
        written = iter(await self._complete(collection, todo))
        return [next(written) if outcome is None else outcome for outcome in settled]

    async def _known(
        self, collection: Collection, versions: Sequence[Version], expected: Sequence[Expected | None]
    ) -> list[Known]:
        settled = await self._settled(collection, versions, expected)
        todo = [version.content_sha256 for version, outcome in zip(versions, settled, strict=True) if outcome is None]
        missing = iter(await self._contents.missing(collection, todo))
        return [_known(collection, next(missing)) if outcome is None else _KNOWN[outcome] for outcome in settled]

    async def _settled(
        self, collection: Collection, versions: Sequence[Version], expected: Sequence[Expected | None]
    ) -> list[Outcome | None]:
        """Return for each image UNCHANGED or STALE where it is not to be written, else None."""
        records = await self._records.read(collection.uid, [version.image_id for version in versions])
        settled = [
            _outcome(collection, record, version, then)
            for record, version, then in zip(records, versions, expected, strict=True)
        ]
        if Outcome.UNCHANGED in settled:
            await self._records.confirm(collection.uid)
        return settled

    async def _complete(self, collection: Collection, images: Sequence[NewImage]) -> list[Outcome]:
        """Write images once they have the vectors that they came without."""
        stored = await self._stored(collection, images)
        whole = [_whole(image, _lacking(image, collection), stored) for image in images]
        ready = [image for image in whole if image is not None]
        outcomes = iter(await self._settle(collection, ready) if ready else [])
        return [Outcome.GONE if image is None else next(outcomes) for image in whole]

    async def _stored(
        self, collection: Collection, images: Sequence[NewImage]
    ) -> Mapping[Models, Mapping[str, Stored]]:
        """Return by hash, for models that some images come without, what is stored of these images' contents."""
        lacking: dict[Models, list[str]] = {}
        for image in images:
            lacking.setdefault(_lacking(image, collection), []).append(image.version.content_sha256)
        lacking.pop((), None)
        return {models: await self._contents.stored(collection, models, lacking[models]) for models in lacking}

    async def _settle(self, collection: Collection, images: Sequence[NewImage]) -> list[Outcome]:
        """Write; where another write won that wrote the very same, such as this one's first attempt, all is well."""
        outcomes = dict(enumerate(await self._write(collection, images)))
        lost = [i for i, outcome in outcomes.items() if outcome in (Outcome.CONFLICT, Outcome.STALE)]
        versions, expected = [images[i].version for i in lost], [images[i].expected for i in lost]
        settled = await self._settled(collection, versions, expected)
        outcomes.update({i: now for i, now in zip(lost, settled, strict=True) if now is Outcome.UNCHANGED})
        return list(outcomes.values())

    async def _write(self, collection: Collection, images: Sequence[NewImage]) -> list[Outcome]:
        """Intents, then rows, then the transaction that commits; whatever fails before that leaves only garbage."""
        with deadline.stage("search"):
            async with deadline.limit(self._write_timeout):
                ids = [image.version.image_id for image in images]
                generations = await self._records.begin(collection.uid, ids)
                spaces = tuple(binding.tag for binding in collection.bindings)
                records = [
                    _record(image, generation, spaces) for image, generation in zip(images, generations, strict=True)
                ]
                await asyncio.gather(*(self._insert(b, images, records) for b in collection.bindings))
                expected_ms = [image.expected.update_ms if image.expected else None for image in images]
                outcomes = await self._records.commit(collection.uid, collection.revision, records, expected_ms)
        if Outcome.CHANGED in outcomes:
            raise collection_changed(collection)
        return outcomes

    async def _insert(self, binding: Binding, images: Sequence[NewImage], records: Sequence[Record]) -> None:
        rows = [
            Row(record, _by_model(image)[binding.model].vector) for image, record in zip(images, records, strict=True)
        ]
        await self._vectors.insert(binding.space, rows)


def collection_changed(collection: Collection, problem: str = "") -> CollectionChanged:
    """Return the error that what was written was made for an earlier revision of a collection."""
    changed = f"collection {collection.name!r} got another model meanwhile"
    return CollectionChanged(f"{problem}: {changed}" if problem else changed, metadata={"collection": "changed"})


_KNOWN = {
    Outcome.UNCHANGED: Known(unchanged=True, content=True, missing_models=()),
    Outcome.STALE: Known(unchanged=False, content=False, missing_models=(), stale=True),
}


def _known(collection: Collection, missing: Sequence[str]) -> Known:
    return Known(unchanged=False, content=len(missing) < len(collection.bindings), missing_models=missing)


def _outcome(
    collection: Collection, record: Record | None, version: Version, expected: Expected | None
) -> Outcome | None:
    """Return what becomes of a write of which that is known before it begins: UNCHANGED, STALE or None."""
    fits = expected is None or (record is not None and record.update_ms == expected.update_ms)
    if record is not None and record.covers(collection.bindings) and _same(record.version, version):
        return Outcome.UNCHANGED if fits or _itself(record, expected) else Outcome.STALE
    return None if fits else Outcome.STALE


def _itself(record: Record, expected: Expected | None) -> bool:
    """Say whether a write has been made before, and its answer was lost."""
    return expected is not None and record.write_id == expected.write_id != ""


def _record(image: NewImage, generation: int, spaces: tuple[str, ...]) -> Record:
    write_id = image.expected.write_id if image.expected else ""
    return Record(image.version, image.width_px, image.height_px, generation, spaces=spaces, write_id=write_id)


def _by_model(image: NewImage) -> Mapping[str, ModelVector]:
    return {vector.model: vector for vector in image.vectors}


def _lacking(image: NewImage, collection: Collection) -> Models:
    given = _by_model(image)
    return tuple(binding for binding in collection.bindings if binding.model not in given)


def _whole(image: NewImage, lacking: Models, known: Mapping[Models, Mapping[str, Stored]]) -> NewImage | None:
    """Return the image with its own vectors and those that its content has already; None if they cannot be had."""
    if not lacking:
        return image
    stored = known[lacking].get(image.version.content_sha256)
    if stored is None:
        return None
    pairs = zip(lacking, stored.vectors, strict=True)
    vectors = [ModelVector(binding.model, binding.fingerprint, vector) for binding, vector in pairs]
    width_px, height_px = stored.record.width_px, stored.record.height_px
    return replace(image, width_px=width_px, height_px=height_px, vectors=[*image.vectors, *vectors])


def _same(known: Version, given: Version) -> bool:
    return (known.content_sha256, known.uri) == (given.content_sha256, given.uri) and (
        attributes_text(known.attributes) == attributes_text(given.attributes)
    )


def _require_valid(collection: Collection, image: NewImage, field: str) -> None:
    problem = limits.problem_of(image.version, field)
    if problem:
        raise problem
    _require_fit(collection, image, f"{field}.embeddings")


def _require_fit(collection: Collection, image: NewImage, field: str) -> None:
    limits.require_one_each(field, [vector.model for vector in image.vectors])
    given = _by_model(image)
    for binding in collection.bindings:
        if binding.model in given:
            require_fingerprint(binding, given[binding.model].fingerprint)
            limits.require_vector(field, given[binding.model].vector, binding.model, binding.dimension)
        elif not image.reuse:
            raise _missing(collection, binding, field)


def _missing(collection: Collection, binding: Binding, field: str) -> ServiceError:
    problem = f"no vector of model {binding.model!r}"
    if collection.revision > 1:
        # The vectors may have been made for the collection as it was before this model came. It may be searched with
        # by now, and when it came is written nowhere: who leaves out one of old is told to look again too.
        return collection_changed(collection, problem)
    return invalid_field(field, problem)
