"""The calls of ImageSearchService in the messages of the contract, for the `likeness` command."""

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import grpc
from google.protobuf import wrappers_pb2

from likeness.connection import connect
from likeness.errors import from_rpc_error
from likeness.v1 import embedder_pb2, image_search_pb2_grpc
from likeness.v1 import image_search_pb2 as pb

_PAGE_SIZE = 1000


class MessageClient:
    """A connection to a gateway. Its methods may be called from several threads.

    Timeouts and the retries of UNAVAILABLE are those of likeness_grpc_service_config.json. Every method raises
    LikenessError.
    """

    def __init__(
        self, address: str, credentials: grpc.ChannelCredentials | None = None, *, server_name: str = ""
    ) -> None:
        """Connect, at the first call, to `address`: a gRPC target such as 127.0.0.1:50050 or dns:///gateway:50050."""
        self._channel = connect(address, credentials, server_name=server_name)
        self._stub: Any = image_search_pb2_grpc.ImageSearchServiceStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up the calls that are under way, and disconnect."""
        self._channel.close()

    def create_collection(self, collection: pb.Collection) -> pb.Collection:
        """Make a collection and return it as it was made."""
        request = pb.CreateCollectionRequest(collection=collection)
        response: pb.CreateCollectionResponse = _call(self._stub.CreateCollection, request)
        return response.collection

    def collection(self, name: str) -> pb.Collection:
        """Return one collection."""
        response: pb.GetCollectionResponse = _call(self._stub.GetCollection, pb.GetCollectionRequest(name=name))
        return response.collection

    def collections(self, *, timeout_seconds: float | None = None) -> list[pb.Collection]:
        """Return every collection, by name; a timeout counts for each page."""

        def page(token: str) -> Any:
            request = pb.ListCollectionsRequest(page_size=_PAGE_SIZE, page_token=token)
            return _call(self._stub.ListCollections, request, timeout_seconds)

        return [collection for response in _pages(page) for collection in response.collections]

    def delete_collection(self, name: str, *, force: bool = False) -> None:
        """Delete a collection; one that holds images only with `force`."""
        _call(self._stub.DeleteCollection, pb.DeleteCollectionRequest(name=name, force=force))

    def add_model(self, collection: str, model: str) -> pb.Collection:
        """Give a collection one more model, that searches do not use yet, and return the collection."""
        request = pb.AddModelRequest(collection=collection, model=model)
        response: pb.AddModelResponse = _call(self._stub.AddModel, request)
        return response.collection

    def activate_model(self, collection: str, model: str, *, replaces: str = "", force: bool = False) -> pb.Collection:
        """Let searches use a model, in place of another; one that lacks vectors only with `force`."""
        request = pb.ActivateModelRequest(collection=collection, model=model, replaces=replaces, force=force)
        response: pb.ActivateModelResponse = _call(self._stub.ActivateModel, request)
        return response.collection

    def remove_model(self, collection: str, model: str, *, force: bool = False) -> pb.Collection:
        """Take a model from a collection, with its vectors; one that searches use only with `force`."""
        request = pb.RemoveModelRequest(collection=collection, model=model, force=force)
        response: pb.RemoveModelResponse = _call(self._stub.RemoveModel, request)
        return response.collection

    def index(
        self,
        collection: str,
        entries: Sequence[pb.ImageEntry],
        *,
        request_id: str = "",
        timeout_seconds: float | None = None,
    ) -> list[pb.IndexResult]:
        """Add 1 to 64 images, together under 32 MiB, and return what became of each, in order."""
        request = pb.IndexImagesRequest(collection=collection, entries=entries, request_id=request_id)
        return list(_call(self._stub.IndexImages, request, timeout_seconds).results)

    def search(self, request: pb.SearchImagesRequest) -> pb.SearchImagesResponse:
        """Find look-alikes."""
        response: pb.SearchImagesResponse = _call(self._stub.SearchImages, request)
        return response

    def compare(self, request: pb.CompareModelsRequest) -> pb.CompareModelsResponse:
        """Ask several models the same question."""
        response: pb.CompareModelsResponse = _call(self._stub.CompareModels, request)
        return response

    def delete_images(self, collection: str, image_ids: Sequence[str]) -> tuple[int, list[str]]:
        """Delete up to 1,000 images, and return how many are gone and the ids that were not there."""
        request = pb.DeleteImagesRequest(collection=collection, image_ids=image_ids)
        response: pb.DeleteImagesResponse = _call(self._stub.DeleteImages, request)
        return response.deleted_count, list(response.missing_ids)

    def evaluate(self, request: pb.EvaluateModelsRequest, *, timeout_seconds: float) -> pb.EvaluateModelsResponse:
        """Measure models against labels: a search a model for every image."""
        response: pb.EvaluateModelsResponse = _call(self._stub.EvaluateModels, request, timeout_seconds)
        return response

    def duplicates(self, request: pb.FindDuplicatesRequest, *, timeout_seconds: float) -> Iterator[list[str]]:
        """Yield groups of look-alikes, each whole, by their first ids."""
        group: list[str] = []
        for part in _answers(self._stub.FindDuplicates, request, timeout_seconds):
            first, *others = part.image_ids
            if group and group[0] != first:
                yield group
                group = []
            group = [*(group or [first]), *others]
        if group:
            yield group

    def image(self, collection: str, image_id: str) -> pb.ImageRecord:
        """Return the record of one image."""
        request = pb.GetImageRequest(collection=collection, image_id=image_id)
        response: pb.GetImageResponse = _call(self._stub.GetImage, request)
        return response.image

    def images(self, collection: str) -> Iterator[pb.ImageRecord]:
        """Yield every record, by id, a page at a time."""

        def page(token: str) -> Any:
            request = pb.ListImagesRequest(collection=collection, page_size=_PAGE_SIZE, page_token=token)
            return _call(self._stub.ListImages, request)

        for response in _pages(page):
            yield from response.images

    def lacking(self, collection: str, model: str, token: str) -> tuple[list[pb.ImageRecord], str]:
        """Return a page of the records that have no vector of a model, and the token of the next, empty on the last."""
        request = pb.ListImagesRequest(
            collection=collection, page_size=_PAGE_SIZE, page_token=token, missing_model=model
        )
        response: pb.ListImagesResponse = _call(self._stub.ListImages, request)
        return list(response.images), response.next_page_token

    def alive(self, *, timeout_seconds: float) -> None:
        """Ask the gateway alone, and none of the parts that it needs, whether it answers."""
        # On the wire these are HealthCheckRequest and HealthCheckResponse, for which every caller would need a package.
        ask = self._channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            request_serializer=wrappers_pb2.StringValue.SerializeToString,
            response_deserializer=wrappers_pb2.Int32Value.FromString,
        )
        _call(ask, wrappers_pb2.StringValue(value="liveness"), timeout_seconds)

    def models(self, *, timeout_seconds: float | None = None) -> list[embedder_pb2.Model]:
        """Return the models that are served, by name."""
        return list(_call(self._stub.ListModels, embedder_pb2.ListModelsRequest(), timeout_seconds).models)


def _call(method: Callable[..., Any], request: Any, timeout_seconds: float | None = None) -> Any:
    try:
        return method(request, timeout=timeout_seconds)
    except grpc.RpcError as error:
        raise from_rpc_error(error) from None


def _answers(method: Callable[..., Any], request: Any, timeout_seconds: float) -> Iterator[Any]:
    call = method(request, timeout=timeout_seconds)
    try:
        yield from call
    except grpc.RpcError as error:
        raise from_rpc_error(error) from None
    finally:
        call.cancel()


def _pages(page: Callable[[str], Any]) -> Iterator[Any]:
    token = ""
    while True:
        response = page(token)
        yield response
        token = response.next_page_token
        if not token:
            return
