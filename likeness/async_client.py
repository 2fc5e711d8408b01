"""The client for a program on asyncio."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import grpc

from likeness import operations, results
from likeness.connection import connect_async
from likeness.entries import Entry
from likeness.errors import closed, from_rpc_error
from likeness.filters import Where
from likeness.ingestion import Answer, Ingestion
from likeness.operations import Operation
from likeness.options import CallOptions, CollectionOptions, CompareOptions, ListOptions, SearchOptions, checked, text
from likeness.pictures import Picture
from likeness.v1 import image_search_pb2_grpc

Result = TypeVar("Result")


class AsyncClient:
    """A connection to a gateway, for the tasks of one event loop. Pictures are read and encoded in threads.

    Timeouts, and the retries of UNAVAILABLE, are those of likeness_grpc_service_config.json unless a call is given
    `timeout_seconds`. Every method raises LikenessError for what fails, and for a value that cannot be (INVALID_FIELD,
    which names it), and TypeError, before anything is sent, for an unknown option or an argument of the wrong type.

    Attributes:
        stub: The contract's own stub over the same connection, for the calls that have no method here.
    """

    def __init__(
        self,
        address: str = "127.0.0.1:50050",
        *,
        collection: str = "photos",
        credentials: grpc.ChannelCredentials | None = None,
        server_name: str = "",
    ) -> None:
        """Connect, at the first call, to `address`, a gRPC target such as dns:///gateway:50050.

        Args:
            address: Where the gateway is.
            collection: What calls are about that name no other.
            credentials: For TLS, and a token beside it, as `likeness.credentials.from_files` makes them; none is plain.
            server_name: The name in the gateway's certificate, if not the address's.
        """
        self._collection = text("collection", collection)
        self._closed = False
        self._channel = connect_async(text("address", address), credentials, server_name=server_name)
        self.stub: Any = image_search_pb2_grpc.ImageSearchServiceStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Give up the calls that are under way, and disconnect."""
        self._closed = True
        await self._channel.close()

    async def search(self, picture: Picture | None = None, **options: Unpack[SearchOptions]) -> results.SearchResult:
        """Find the images most like a picture, or like the image `image_id` of the collection."""
        given = checked(options, SearchOptions)
        return await self._built(partial(operations.search, self._name(given), picture, given), given)

    async def compare(self, picture: Picture | None = None, **options: Unpack[CompareOptions]) -> results.Comparison:
        """Ask at least two models the same question, and see how far they agree."""
        given = checked(options, CompareOptions)
        return await self._built(partial(operations.compare, self._name(given), picture, given), given)

    async def index(
        self, entries: Sequence[Entry], *, request_id: str = "", **options: Unpack[CallOptions]
    ) -> list[results.Indexed]:
        """Add, or replace, 1 to 64 images of together under 32 MiB; return what became of each, in order.

        One that cannot be read or sent fails alone, and the others are sent.
        """
        given = checked(options, CallOptions)
        return await self._built(partial(operations.index, self._name(given), entries, request_id), given)

    def ingest(
        self, entries: Iterable[Entry] | AsyncIterable[Entry], **options: Unpack[CallOptions]
    ) -> AsyncIterator[Answer]:
        """Add, or replace, any number of images, and yield each with its result as soon as that is durable.

        `entries`, unless it is asynchronous itself, is read in threads, as fast as the server takes images. Where
        this fails half-way, call it again with the same entries: what is there already answers UNCHANGED, and is not
        embedded again.
        """
        given = checked(options, CallOptions)
        if isinstance(entries, str | bytes) or not isinstance(entries, Iterable | AsyncIterable):
            raise TypeError(f"entries must be several of Entry, not a {type(entries).__name__}")
        return self._ingested(entries, given)

    async def get_image(self, image_id: str, **options: Unpack[CallOptions]) -> results.ImageRecord:
        """Read the record of one image."""
        given = checked(options, CallOptions)
        return await self._run(operations.get(self._name(given), image_id), given)

    def list_images(self, **options: Unpack[ListOptions]) -> AsyncIterator[results.ImageRecord]:
        """Yield records by id, a page at a time."""
        return self._listed(checked(options, ListOptions))

    async def delete_images(self, image_ids: Sequence[str], **options: Unpack[CallOptions]) -> results.Deleted:
        """Delete up to 1,000 images; no search shows them from now on."""
        given = checked(options, CallOptions)
        return await self._run(operations.delete(self._name(given), image_ids), given)

    async def delete_images_where(self, where: Where, **options: Unpack[CallOptions]) -> results.Deleted:
        """Delete all images that a filter holds for. One without a condition, such as `{}`, is refused."""
        given = checked(options, CallOptions)
        return await self._run(operations.delete_where(self._name(given), where), given)

    async def create_collection(self, name: str, **options: Unpack[CollectionOptions]) -> results.Collection:
        """Make a collection."""
        given = checked(options, CollectionOptions)
        return await self._run(operations.create_collection(name, given), given)

    async def get_collection(self, name: str) -> results.Collection:
        """Describe a collection."""
        return await self._run(operations.get_collection(name), {})

    async def list_collections(self) -> AsyncIterator[results.Collection]:
        """Yield every collection, by name."""
        token, more = "", True
        while more:
            found, token = await self._run(operations.collection_page(token), {})
            more = bool(token)
            for collection in found:
                yield collection

    async def delete_collection(self, name: str, *, force: bool = False) -> None:
        """Delete a collection; one that holds images only with `force`."""
        await self._run(operations.delete_collection(name, force), {})

    async def list_models(self) -> list[results.Model]:
        """Return the models that a collection can be made with, by name."""
        return await self._run(operations.list_models(), {})

    async def _ingested(
        self, entries: Iterable[Entry] | AsyncIterable[Entry], options: Mapping[str, Any]
    ) -> AsyncIterator[Answer]:
        self._require_open()
        ingestion = Ingestion(self._name(options))
        call = self.stub.IngestImages(ingestion.requests_async(entries), timeout=options.get("timeout_seconds"))
        try:
            async for event in call:
                for answer in ingestion.answers(event):
                    yield answer
        except grpc.RpcError as error:
            raise from_rpc_error(error) from None
        finally:
            call.cancel()
        for answer in ingestion.rest():
            yield answer

    async def _listed(self, options: Mapping[str, Any]) -> AsyncIterator[results.ImageRecord]:
        token, more = "", True
        while more:
            records, token = await self._run(operations.page(self._name(options), token, options), options)
            more = bool(token)
            for record in records:
                yield record

    def _require_open(self) -> None:
        if self._closed:
            raise closed()

    def _name(self, options: Mapping[str, Any]) -> str:
        return str(options.get("collection", self._collection))

    async def _built(self, build: Callable[[], Operation[Result]], options: Mapping[str, Any]) -> Result:
        return await self._run(await asyncio.to_thread(build), options)

    async def _run(self, operation: Operation[Result], options: Mapping[str, Any]) -> Result:
        self._require_open()
        if operation.request is None:
            return operation.read(None)
        method = getattr(self.stub, operation.method)
        try:
            return operation.read(await method(operation.request, timeout=options.get("timeout_seconds")))
        except grpc.RpcError as error:
            raise operation.explain(from_rpc_error(error)) from None
