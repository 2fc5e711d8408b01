"""Calls a search service, and has an oracle judge every answer."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
from google.protobuf.struct_pb2 import Struct
from google.rpc import code_pb2

from likeness.v1 import embedder_pb2, image_search_pb2, search_pb2, types_pb2
from tests.oracle import Hit, Operation, Oracle, Outcome

COLLECTION = "chaos"
DIMENSIONS = {"a": 16, "b": 8}
ALL = 1000
CALL_SECONDS = 5.0
_PATIENCE_SECONDS = 20.0
# What a caller may be told while something is away. Anything else is a fault of the service.
EXCUSES = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.CANCELLED}
_OUTCOMES = {code_pb2.OK: Outcome.DONE, code_pb2.ABORTED: Outcome.REFUSED}


@cache
def vector(model: str, version: int) -> npt.NDArray[np.float32]:
    """Return a version's unit vector, float32 of shape (dimension,)."""
    drawn = np.random.default_rng([version, DIMENSIONS[model]]).normal(size=DIMENSIONS[model])
    return (drawn / np.linalg.norm(drawn)).astype(np.float32)


@cache
def distance(model: str, a: int, b: int) -> float:
    """Return the Euclidean distance of two versions' vectors."""
    return float(np.linalg.norm(vector(model, a).astype(np.float64) - vector(model, b)))


def embeddings(version: int) -> list[embedder_pb2.Embedding]:
    """Return a version's vectors as the embedder would send them."""
    return [
        embedder_pb2.Embedding(
            model=model,
            fingerprint=model * 64,
            vector=types_pb2.Vector(float32_le=vector(model, version).tobytes()),
        )
        for model in DIMENSIONS
    ]


class Caller:
    """Speaks to one search service. A call that gets no answer ends as UNKNOWN in the log, and is no error here."""

    def __init__(self, stub: Any, oracle: Oracle, collection: str = COLLECTION) -> None:
        self._stub = stub
        self.collection = collection
        self.oracle = oracle
        self.lost = 0

    async def create(self) -> None:
        """Make the collection."""
        bindings = [
            image_search_pb2.ModelBinding(model=model, fingerprint=model * 64, dimension=dimension)
            for model, dimension in DIMENSIONS.items()
        ]
        wanted = image_search_pb2.Collection(name=self.collection, bindings=bindings)
        request = image_search_pb2.CreateCollectionRequest(collection=wanted)
        await self._stub.CreateCollection(request, timeout=CALL_SECONDS)

    async def drop(self) -> None:
        """Delete the collection with all that it holds."""
        request = image_search_pb2.DeleteCollectionRequest(name=self.collection, force=True)
        await self._stub.DeleteCollection(request, timeout=CALL_SECONDS)

    async def write(self, versions: Mapping[str, int]) -> list[Outcome]:
        """Write images in these versions."""
        operations = [self.oracle.begin(image_id, version) for image_id, version in versions.items()]
        images = [_image(image_id, version) for image_id, version in versions.items()]
        request = search_pb2.UpsertImagesRequest(collection=self.collection, images=images)
        answer = await self._changed(self._stub.UpsertImages, request, operations)
        outcomes = [_OUTCOMES[result.error.code] for result in answer.results] if answer else []
        return self._end(operations, outcomes)

    async def delete(self, image_ids: Sequence[str]) -> list[Outcome]:
        """Delete images."""
        operations = [self.oracle.begin(image_id, None) for image_id in image_ids]
        request = image_search_pb2.DeleteImagesRequest(collection=self.collection, image_ids=image_ids)
        answer = await self._changed(self._stub.DeleteImages, request, operations)
        return self._end(operations, [Outcome.DONE] * len(operations) if answer else [])

    async def look(self, image_id: str) -> int | None:
        """Return the version that an image is there in; None if it is not."""
        since, version = self.oracle.now(), None
        request = image_search_pb2.GetImageRequest(collection=self.collection, image_id=image_id)
        try:
            version = version_of((await self._stub.GetImage(request, timeout=CALL_SECONDS)).image.attributes)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.NOT_FOUND:
                raise
        self.oracle.saw(image_id, version, since)
        return version

    async def search(self, version: int) -> list[Hit]:
        """Search for everything with one version's vectors; return the fused list."""
        since = self.oracle.now()
        request = search_pb2.SearchRequest(
            collection=self.collection,
            vectors=search_pb2.QueryVectors(embeddings=embeddings(version)),
            top_k=ALL,
            include_attributes=True,
            require_all_models=True,
        )
        return self._judge(await self._stub.Search(request, timeout=CALL_SECONDS), version, since)

    def _judge(self, answer: Any, version: int, since: int) -> list[Hit]:
        for found in answer.per_model:
            self.oracle.searched(found.model, version, _hits(found.hits))
        for hits in (answer.hits, *(found.hits for found in answer.per_model)):
            self.oracle.saw_all([(hit.image_id, version_of(hit.attributes)) for hit in hits], since)
        return _hits(answer.hits)

    async def recovered(self, within_seconds: float) -> float:
        """Ask until look-ups and searches are answered again; return how many seconds that took."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        while not await self.glance("any", 1):
            assert loop.time() - started < within_seconds, "the service does not recover"
            await asyncio.sleep(0.02)
        return loop.time() - started

    async def count(self) -> int:
        """Return how many images the collection says that it has."""
        request = image_search_pb2.GetCollectionRequest(name=self.collection)
        return int((await self._stub.GetCollection(request, timeout=CALL_SECONDS)).collection.image_count)

    async def listed(self) -> list[tuple[str, int]]:
        """Return every image and its version, page by page."""
        found: list[tuple[str, int]] = []
        request = image_search_pb2.ListImagesRequest(collection=self.collection, page_size=7)
        while True:
            page = await self._stub.ListImages(request, timeout=CALL_SECONDS)
            found += [(image.image_id, version_of(image.attributes)) for image in page.images]
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    async def every_image(self) -> None:
        """Judge each image: by id, and first in every list for its own vector."""
        for image_id in sorted(self.oracle.image_ids):
            await self._answered(partial(self._image, image_id))

    async def _image(self, image_id: str) -> None:
        version = await self.look(image_id)
        if version is not None:
            self.oracle.first(image_id, version, await self.search(version))

    async def _answered(self, judgement: Callable[[], Awaitable[None]]) -> None:
        """Make calls again that are refused for the moment: on a busy machine a check of Milvus may end too late."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                try:
                    return await judgement()
                except grpc.aio.AioRpcError as error:
                    self._excuse(error)
                await asyncio.sleep(0.05)

    async def glance(self, image_id: str, version: int) -> bool:
        """Look an image up and search, while things may be away; judge what is answered, and say if both were."""
        try:
            await self.look(image_id)
            await self.search(version)
        except grpc.aio.AioRpcError as error:
            self._excuse(error)
            return False
        return True

    async def _changed(self, method: Any, request: Any, operations: Sequence[Operation]) -> Any:
        try:
            return await method(request, timeout=CALL_SECONDS)
        except grpc.aio.AioRpcError as error:
            self._excuse(error)
            return None

    def _excuse(self, error: grpc.aio.AioRpcError) -> None:
        self.lost += 1
        assert error.code() in EXCUSES, f"{error.code()}: {error.details()}"

    def _end(self, operations: Sequence[Operation], outcomes: Sequence[Outcome]) -> list[Outcome]:
        told = list(outcomes) or [Outcome.UNKNOWN] * len(operations)
        for operation, outcome in zip(operations, told, strict=True):
            self.oracle.end(operation, outcome)
        return told


async def patiently(seconds: float, holds: Callable[[], Any]) -> None:
    """Return once a judgement that others' work may still change passes; raise what it raises if it never does."""
    loop = asyncio.get_running_loop()
    give_up = loop.time() + seconds
    while True:
        try:
            return await holds()  # type: ignore[no-any-return]
        except AssertionError:
            if loop.time() > give_up:
                raise
        await asyncio.sleep(0.05)


async def until_done(change: Callable[[], Awaitable[list[Outcome]]]) -> None:
    """Repeat a change, as a caller would that got no answer."""

    async def once() -> None:
        assert set(await change()) == {Outcome.DONE}

    await patiently(_PATIENCE_SECONDS, once)


def version_of(attributes: Struct) -> int:
    """Return which version a record is of."""
    return int(attributes.fields["version"].number_value)


def _hits(hits: Iterable[types_pb2.Hit]) -> list[Hit]:
    return [Hit(hit.image_id, version_of(hit.attributes), hit.distance) for hit in hits]


def _image(image_id: str, version: int) -> search_pb2.ImageVectors:
    attributes = Struct()
    attributes["version"] = version
    described = search_pb2.ImageVersion(image_id=image_id, content_sha256=f"{version:064x}", attributes=attributes)
    return search_pb2.ImageVectors(version=described, width_px=4, height_px=3, embeddings=embeddings(version))
