"""Our side: calls of the services, numbered."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import grpc

from benchmarks import pictures
from benchmarks.direct import TOP_K
from benchmarks.filling import Model, embedding, image_id
from benchmarks.load import OverGrpc
from likeness.v1 import (
    embedder_pb2,
    embedder_pb2_grpc,
    image_search_pb2,
    image_search_pb2_grpc,
    search_pb2,
    search_pb2_grpc,
    types_pb2,
)

_CREATED = image_search_pb2.IndexResult.OUTCOME_CREATED


@dataclass(frozen=True)
class SearchById(OverGrpc):
    """SearchImages of the gateway, by the id of an image."""

    collection: str

    def request(self, number: int) -> image_search_pb2.SearchImagesRequest:
        """See OverGrpc."""
        return image_search_pb2.SearchImagesRequest(collection=self.collection, image_id=image_id(number), top_k=TOP_K)

    def method(self, channel: grpc.aio.Channel) -> Any:
        """See OverGrpc."""
        return image_search_pb2_grpc.ImageSearchServiceStub(channel).SearchImages

    def is_whole(self, response: Any) -> bool:
        """See OverGrpc."""
        return len(response.hits) == TOP_K


@dataclass(frozen=True)
class SearchByVector(OverGrpc):
    """Search of the search service, by a vector."""

    collection: str
    model: Model

    def request(self, number: int) -> search_pb2.SearchRequest:
        """See OverGrpc."""
        vectors = search_pb2.QueryVectors(embeddings=[embedding(number, self.model)])
        return search_pb2.SearchRequest(collection=self.collection, vectors=vectors, top_k=TOP_K)

    def method(self, channel: grpc.aio.Channel) -> Any:
        """See OverGrpc."""
        return search_pb2_grpc.SearchServiceStub(channel).Search

    def is_whole(self, response: Any) -> bool:
        """See OverGrpc."""
        return len(response.hits) == TOP_K


@cache
def _photographs(directory: Path) -> list[bytes]:
    return pictures.read(directory)


@dataclass(frozen=True)
class Pictures(OverGrpc):
    """A call about photographs, of which the one with a number has bytes that no other has."""

    directory: Path
    collection: str
    model: str

    def picture(self, number: int) -> types_pb2.Image:
        """Return the photograph with this number."""
        return types_pb2.Image(content=pictures.distinct(_photographs(self.directory), number))


@dataclass(frozen=True)
class SearchByPicture(Pictures):
    """SearchImages of the gateway, by a photograph."""

    def request(self, number: int) -> image_search_pb2.SearchImagesRequest:
        """See OverGrpc."""
        return image_search_pb2.SearchImagesRequest(collection=self.collection, image=self.picture(number), top_k=TOP_K)

    def method(self, channel: grpc.aio.Channel) -> Any:
        """See OverGrpc."""
        return image_search_pb2_grpc.ImageSearchServiceStub(channel).SearchImages

    def is_whole(self, response: Any) -> bool:
        """See OverGrpc."""
        return len(response.hits) == TOP_K


@dataclass(frozen=True)
class Embed(Pictures):
    """Embed of the embedder: `batch` photographs from a number on."""

    warm: ClassVar[int] = 2

    batch: int = 1

    def request(self, number: int) -> embedder_pb2.EmbedRequest:
        """See OverGrpc."""
        images = [self.picture(each) for each in range(number, number + self.batch)]
        packed = types_pb2.VECTOR_ENCODING_FLOAT32_LE
        return embedder_pb2.EmbedRequest(images=images, models=[self.model], encoding=packed)

    def method(self, channel: grpc.aio.Channel) -> Any:
        """See OverGrpc."""
        return embedder_pb2_grpc.EmbedderServiceStub(channel).Embed

    def is_whole(self, response: Any) -> bool:
        """See OverGrpc."""
        return all(result.embeddings for result in response.results)


@dataclass(frozen=True)
class IndexBatch(Pictures):
    """IndexImages of the gateway: `batch` photographs from a number on, each under its number."""

    warm: ClassVar[int] = 2

    batch: int = 1

    def request(self, number: int) -> image_search_pb2.IndexImagesRequest:
        """See OverGrpc."""
        entries = [entry(self, each) for each in range(number, number + self.batch)]
        return image_search_pb2.IndexImagesRequest(collection=self.collection, entries=entries)

    def method(self, channel: grpc.aio.Channel) -> Any:
        """See OverGrpc."""
        return image_search_pb2_grpc.ImageSearchServiceStub(channel).IndexImages

    def is_whole(self, response: Any) -> bool:
        """See OverGrpc."""
        return all(result.outcome == _CREATED for result in response.results)


def entry(side: Pictures, number: int) -> image_search_pb2.ImageEntry:
    """Return the photograph with this number as an entry."""
    return image_search_pb2.ImageEntry(image_id=image_id(number), image=side.picture(number))
