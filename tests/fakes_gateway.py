"""Twins of the services behind the gateway, held to the real ones by tests/contract. They remember what they did."""

import hashlib
import re
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.ports import Checked, Embedded, Indexed, Model, Outcome, Payload, Picture, Question, Version
from likeness.v1 import embedder_pb2, image_search_pb2, search_pb2, types_pb2
from servicekit.errors import Aborted, InvalidArgument, NotFound, ServiceError, Violation, invalid_field

MODELS = [Model("colour", "f1", 3), Model("shape", "f2", 4)]
_IMAGE_ID = re.compile(r"[A-Za-z0-9._:/@-]{1,128}")


class Times(NamedTuple):
    """When an image was last written, in ms, and the name of that write."""

    update_ms: int
    write_id: str = ""


def picture(content: bytes) -> Picture:
    return Picture(content, types_pb2.Image(content=content))


@dataclass
class MemoryEmbedder:
    """Embeds everything but nothing at all and what begins with `bad`; `asked` holds the pictures of every call."""

    asked: list[tuple[list[bytes], list[str]]] = field(default_factory=list)
    served: list[Model] = field(default_factory=lambda: list(MODELS))

    async def list_models(self, request: Payload) -> Payload:
        return embedder_pb2.ListModelsResponse(
            models=[
                embedder_pb2.Model(name=m.name, fingerprint=m.fingerprint, dimension=m.dimension) for m in self.served
            ]
        )

    async def models(self) -> list[Model]:
        return self.served

    async def embed(self, pictures: Sequence[Picture], models: Sequence[str]) -> list[Embedded]:
        for name in models:
            if name not in {model.name for model in self.served}:
                raise NotFound(f"model {name!r} is not served", reason="MODEL_NOT_FOUND")
        self.asked.append(([picture.content for picture in pictures], list(models)))
        return [self._embedded(f"images[{i}]", picture.content, models) for i, picture in enumerate(pictures)]

    def _embedded(self, place: str, content: bytes, models: Sequence[str]) -> Embedded:
        if not content:
            return Embedded("", 0, 0, [], invalid_field(place, "has neither content nor uri"))
        if content.startswith(b"bad"):
            path = f"{place}.content"
            error = InvalidArgument(f"{path}: no", reason="IMAGE_UNDECODABLE", violations=[Violation(path, "no")])
            return Embedded("", 0, 0, [], error)
        return Embedded(hashlib.sha256(content).hexdigest(), 160, 120, [(content, model) for model in models])


@dataclass
class MemorySearch:
    """Collections; `written` says of every image sent to be written which models' vectors it had.

    `vectors` holds, by collection, the models that have a vector of each image; `models` what is not MODELS.
    """

    collections: dict[str, dict[str, tuple[str, str, Payload]]] = field(default_factory=dict)
    kept: dict[tuple[str, str], tuple[str, list[Indexed]]] = field(default_factory=dict)
    written: list[tuple[str, list[str]]] = field(default_factory=list)
    vectors: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    models: dict[str, list[str]] = field(default_factory=dict)
    building: dict[str, list[str]] = field(default_factory=dict)
    written_at: dict[tuple[str, str], Times] = field(default_factory=dict)
    clock_ms: int = 1_000_000

    async def hand_on(self, method: str, request: Payload) -> Payload:
        images = self._images(request.collection)
        if method == "GetImage":
            record = image_search_pb2.ImageRecord(image_id=request.image_id)
            record.update_time.FromMilliseconds(self.written_at[request.collection, request.image_id].update_ms)
            return image_search_pb2.GetImageResponse(image=record)
        assert method == "DeleteImages"
        deleted = [images.pop(image_id) for image_id in request.image_ids if image_id in images]
        return image_search_pb2.DeleteImagesResponse(deleted_count=len(deleted))

    async def create(self, collection: Payload, models: Sequence[Model]) -> Payload:
        self.collections[collection.name] = {}
        self.models[collection.name] = [model.name for model in models]
        return image_search_pb2.Collection(name=collection.name, models=[model.name for model in models])

    async def add_model(self, collection: str, model: Model) -> Payload:
        self._images(collection)
        self.building.setdefault(collection, []).append(model.name)
        return image_search_pb2.Collection(name=collection)

    async def models_of(self, collection: str) -> list[str]:
        self._images(collection)
        return self.models.get(collection, [model.name for model in MODELS])

    async def bound_to(self, collection: str) -> list[str]:
        self._images(collection)
        return self._bound(collection)

    async def check(self, collection: str, versions: Sequence[Version]) -> tuple[list[str], list[Checked]]:
        checked = [self._checked(collection, f"images[{i}]", version) for i, version in enumerate(versions)]
        return self._bound(collection), checked

    def _bound(self, collection: str) -> list[str]:
        models = self.models.get(collection, [model.name for model in MODELS])
        return [*models, *self.building.get(collection, [])]

    def _checked(self, collection: str, place: str, version: Version) -> Checked:
        if not _IMAGE_ID.fullmatch(version.image_id):
            return Checked(unchanged=False, error=invalid_field(f"{place}.image_id", f"must match {_IMAGE_ID.pattern}"))
        missing = [model for model in self._bound(collection) if model not in self._known(collection, version)]
        same = self._images(collection).get(version.image_id) == _kept(version)
        error = self._stale(collection, version, same=same and not missing)
        return Checked(same and not missing and not error, missing, error)

    def _stale(self, collection: str, version: Version, *, same: bool) -> ServiceError | None:
        """Return what is wrong with a write that expects the image to have been written at another time."""
        gone = version.image_id not in self._images(collection)
        times = Times(-1) if gone else self.written_at[collection, version.image_id]
        entry = version.entry
        if entry.expected is None or entry.expected.ToMilliseconds() == times.update_ms:
            return None
        if same and entry.write_id == times.write_id != "":
            return None
        return Aborted("it was not last written then", reason="CONFLICT", metadata={"image": "changed"})

    def _known(self, collection: str, version: Version) -> set[str]:
        """Return the models that have a vector of a content."""
        images = self._images(collection).items()
        holders = [image_id for image_id, (sha256, _, _) in images if sha256 == version.content_sha256]
        return set().union(*(self.vectors[collection, image_id] for image_id in holders))

    async def find(self, collection: str, sha256: str) -> tuple[list[str], bool]:
        return await self.models_of(collection), sha256 in self._contents(collection)

    async def recall(self, collection: str, request_id: str, body_sha256: str) -> list[Indexed] | None:
        self._images(collection)
        known_sha256, answer = self.kept.get((collection, request_id), (body_sha256, None))
        if known_sha256 != body_sha256:
            raise invalid_field("request_id", "was used with another request")
        return answer

    async def keep(
        self, collection: str, request_id: str, body_sha256: str, answer: Sequence[Indexed]
    ) -> list[Indexed]:
        standing = await self.recall(collection, request_id, body_sha256)
        if standing is None:
            self.kept[(collection, request_id)] = (body_sha256, standing := list(answer))
        return standing

    async def upsert(self, collection: str, images: Sequence[tuple[Version, Embedded]]) -> list[Indexed]:
        self._images(collection)
        return [self._upserted(collection, version, embedded) for version, embedded in images]

    def _upserted(self, collection: str, version: Version, embedded: Embedded) -> Indexed:
        given = [model_of(embedding) for embedding in embedded.embeddings]
        self.written.append((version.image_id, given))
        images = self._images(collection)
        known = images.get(version.image_id)
        outcome = Outcome.UPDATED if known else Outcome.CREATED
        lacking = set(self._bound(collection)) - set(given)
        same = known == _kept(version) and not set(self._bound(collection)) - self.vectors[collection, version.image_id]
        if stale := self._stale(collection, version, same=same):
            return Indexed(version.image_id, version.content_sha256, error=stale)
        if same:
            return Indexed(version.image_id, version.content_sha256, Outcome.UNCHANGED)
        if lacking - (self._known(collection, version) if embedded.reuse else set()):
            error = Aborted("the content is known no more", reason="CONFLICT", metadata={"content": "gone"})
            return Indexed(version.image_id, version.content_sha256, error=error)
        images[version.image_id] = _kept(version)
        self.clock_ms += 1
        self.written_at[collection, version.image_id] = Times(self.clock_ms, version.entry.write_id)
        self.vectors[collection, version.image_id] = {*given, *lacking}
        return Indexed(version.image_id, version.content_sha256, outcome)

    async def evaluate(self, request: Payload) -> Payload:
        self._images(request.collection)
        return image_search_pb2.EvaluateModelsResponse()

    async def duplicates(self, request: Payload) -> AsyncGenerator[Payload]:
        self._images(request.collection)
        yield image_search_pb2.FindDuplicatesResponse()

    async def search(self, question: Question, query: Embedded | None) -> Payload:
        return search_pb2.SearchResponse(hits=self._hits(question, query))

    async def compare(self, question: Question, query: Embedded | None) -> Payload:
        return search_pb2.CompareResponse(per_model=[types_pb2.ModelHits(hits=self._hits(question, query))])

    def _hits(self, question: Question, query: Embedded | None) -> list[Any]:
        """Return the images of the query's content."""
        images = self._images(question.collection)
        if query is None:
            sha256 = images[question.request.image_id][0]
        else:
            sha256 = query.content_sha256
            if not query.embeddings and sha256 not in self._contents(question.collection):
                raise NotFound("there is no such image", reason="IMAGE_NOT_FOUND")
        return [types_pb2.Hit(image_id=name) for name, image in sorted(images.items()) if image[0] == sha256]

    def _contents(self, collection: str) -> set[str]:
        return {sha256 for sha256, _, _ in self._images(collection).values()}

    def _images(self, collection: str) -> dict[str, tuple[str, str, Payload]]:
        if collection not in self.collections:
            raise NotFound(f"there is no collection {collection!r}", reason="COLLECTION_NOT_FOUND")
        return self.collections[collection]


def model_of(embedding: Any) -> str:
    """Return the model of an embedding, the embedder's or its twin's."""
    return str(embedding[1] if isinstance(embedding, tuple) else embedding.model)


def _kept(version: Version) -> tuple[str, str, Payload]:
    return version.content_sha256, version.entry.uri, version.entry.attributes


def fields(error: ServiceError | None) -> list[str]:
    """Return the fields that an error names."""
    return [violation.field for violation in error.violations] if error else []
