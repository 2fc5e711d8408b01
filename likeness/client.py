"""A synchronous client of the gateway."""

from collections.abc import Callable, Iterator, Sequence
from importlib import resources
from typing import Any, Self, TypeVar

import grpc

from likeness import errors
from likeness.v1 import embedder_pb2, image_search_pb2, image_search_pb2_grpc

Answer = TypeVar("Answer")

# What the servers accept and send, in bytes.
MAX_MESSAGE_BYTES = 32 * 1024 * 1024
# Room for everything in a message that is not the picture.
MAX_CONTENT_BYTES = MAX_MESSAGE_BYTES - 1024 * 1024
_HEALTH = {0: "UNKNOWN", 1: "SERVING", 2: "NOT_SERVING", 3: "SERVICE_UNKNOWN"}


class Client:
    """Calls ImageSearchService. Every method raises LikenessError, and may be called from several threads."""

    def __init__(self, address: str) -> None:
        config = resources.files("likeness.v1").joinpath("likeness_grpc_service_config.json").read_text()
        options = [
            ("grpc.service_config", config),
            ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
            ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
            # A call is retried only while its request is kept; by default nothing over 256 KiB is, so no photograph.
            ("grpc.per_rpc_retry_buffer_size", MAX_MESSAGE_BYTES),
            # Notices within 30 s a server that vanished without a word.
            ("grpc.keepalive_time_ms", 20_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.max_reconnect_backoff_ms", 2_000),
        ]
        self._channel = grpc.insecure_channel(address, options=options)
        self._stub: Any = image_search_pb2_grpc.ImageSearchServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()

    def health(self, timeout_seconds: float = 5.0) -> str:
        """Return what grpc.health.v1 says of the gateway: SERVING or NOT_SERVING."""
        # Two messages of one field each are read by hand, so that callers need no package for them.
        check: Any = self._channel.unary_unary("/grpc.health.v1.Health/Check")
        answer: bytes = _call(lambda request: check(request, timeout=timeout_seconds), b"")
        return _HEALTH.get(answer[1] if len(answer) > 1 else 0, "UNKNOWN")

    def models(self) -> Sequence[embedder_pb2.Model]:
        """Return the models that collections can be made with, by name."""
        return list(_call(self._stub.ListModels, embedder_pb2.ListModelsRequest()).models)

    def collections(self) -> Iterator[image_search_pb2.Collection]:
        """Yield all collections by name."""
        request = image_search_pb2.ListCollectionsRequest()
        while True:
            page: image_search_pb2.ListCollectionsResponse = _call(self._stub.ListCollections, request)
            yield from page.collections
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def collection(self, name: str) -> image_search_pb2.Collection:
        """Return one collection."""
        request = image_search_pb2.GetCollectionRequest(name=name)
        answer: image_search_pb2.GetCollectionResponse = _call(self._stub.GetCollection, request)
        return answer.collection

    def create_collection(self, collection: image_search_pb2.Collection) -> image_search_pb2.Collection:
        """Make a collection and return it as it is now."""
        request = image_search_pb2.CreateCollectionRequest(collection=collection)
        answer: image_search_pb2.CreateCollectionResponse = _call(self._stub.CreateCollection, request)
        return answer.collection

    def delete_collection(self, name: str, *, force: bool) -> None:
        """Delete a collection; one that holds images needs `force`."""
        _call(self._stub.DeleteCollection, image_search_pb2.DeleteCollectionRequest(name=name, force=force))

    def image(self, collection: str, image_id: str) -> image_search_pb2.ImageRecord:
        """Return the record of one image."""
        request = image_search_pb2.GetImageRequest(collection=collection, image_id=image_id)
        answer: image_search_pb2.GetImageResponse = _call(self._stub.GetImage, request)
        return answer.image

    def index(
        self, collection: str, entries: Sequence[image_search_pb2.ImageEntry]
    ) -> Sequence[image_search_pb2.IndexResult]:
        """Index 1 to 64 images; one result for each, in order."""
        request = image_search_pb2.IndexImagesRequest(collection=collection, entries=entries)
        return list(_call(self._stub.IndexImages, request).results)

    def search(self, request: image_search_pb2.SearchImagesRequest) -> image_search_pb2.SearchImagesResponse:
        """Return the images most like the query."""
        answer: image_search_pb2.SearchImagesResponse = _call(self._stub.SearchImages, request)
        return answer

    def compare(self, request: image_search_pb2.CompareModelsRequest) -> image_search_pb2.CompareModelsResponse:
        """Return each model's answer and how far they agree."""
        answer: image_search_pb2.CompareModelsResponse = _call(self._stub.CompareModels, request)
        return answer


def _call(method: Callable[[Any], Any], request: Any) -> Any:
    try:
        return method(request)
    except grpc.RpcError as error:
        raise errors.from_rpc_error(error) from None
