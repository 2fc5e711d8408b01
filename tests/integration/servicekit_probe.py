"""A service that does what a test tells it to, with a method of each of gRPC's four kinds, and callers for them."""

import asyncio
import json
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from pydantic_settings import SettingsConfigDict

from likeness.v1 import embedder_pb2, embedder_pb2_grpc, image_search_pb2, image_search_pb2_grpc, types_pb2
from servicekit import server, settings, telemetry
from servicekit.health import Check

EMBEDDER = "likeness.v1.EmbedderService"
IMAGE_SEARCH = "likeness.v1.ImageSearchService"
COLLECTOR = "likeness.test.Collector"
# Takes what the request names and the call's context; what it returns, if anything, is answered.
Behaviour = Callable[[str, Any], Awaitable[Any]]


class ProbeSettings(settings.ServerSettings):
    """Settings of the probe: it stops without delay unless told otherwise."""

    model_config = SettingsConfigDict(env_prefix="LIKENESS_PROBE_")
    drain_seconds: float = 0.0
    health_interval_seconds: float = 0.05


class Embedder(embedder_pb2_grpc.EmbedderServiceServicer):
    """A unary method, a stream both ways, and two methods that are left as they were generated."""

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave

    async def GetModel(self, request: Any, context: Any) -> Any:  # noqa: N802 gRPC's name
        answer = await self._behave(request.name, context)
        return answer or embedder_pb2.GetModelResponse(model=embedder_pb2.Model(name=request.name))

    async def Embed(self, request: Any, context: Any) -> Any:  # noqa: N802 gRPC's name
        await self._behave("Embed", context)
        lengths = [str(len(image.content)) for image in request.images]
        return embedder_pb2.EmbedResponse(results=[embedder_pb2.EmbedResult(format=length) for length in lengths])

    async def StreamEmbed(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:  # noqa: N802 gRPC's name
        async for request in requests:
            await self._behave(request.item_id, context)
            yield embedder_pb2.StreamEmbedResponse(item_id=request.item_id)


class ImageSearch(image_search_pb2_grpc.ImageSearchServiceServicer):
    """A stream of answers to one request."""

    def __init__(self, behave: Behaviour) -> None:
        self._behave = behave

    async def FindDuplicates(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802 gRPC's name
        await self._behave(request.collection, context)
        yield image_search_pb2.FindDuplicatesResponse(image_ids=[request.collection])


def collector(behave: Behaviour) -> grpc.GenericRpcHandler:
    """Return a method that takes a stream and gives one answer; no service of ours has such a one."""

    async def collect(requests: AsyncIterator[Any], context: Any) -> Any:
        ids = [request.item_id async for request in requests]
        await behave(ids[-1], context)
        return image_search_pb2.FindDuplicatesResponse(image_ids=ids)

    handler = grpc.stream_unary_rpc_method_handler(
        collect,
        embedder_pb2.StreamEmbedRequest.FromString,
        image_search_pb2.FindDuplicatesResponse.SerializeToString,
    )
    return grpc.method_handlers_generic_handler(COLLECTOR, {"Collect": handler})


def build_with(
    behave: Behaviour,
    *,
    checks: Sequence[Check] = (),
    parts: Callable[[], Mapping[str, bool]] = dict,
    closed: Callable[[], None] = lambda: None,
    embedder: embedder_pb2_grpc.EmbedderServiceServicer | None = None,
    stage: str = "queue",
) -> Callable[[ProbeSettings], Any]:
    """Return what `server.run` builds: the probe's three services, all behaving as told."""

    def register(to: grpc.aio.Server) -> None:
        embedder_pb2_grpc.add_EmbedderServiceServicer_to_server(embedder or Embedder(behave), to)
        image_search_pb2_grpc.add_ImageSearchServiceServicer_to_server(ImageSearch(behave), to)
        to.add_generic_rpc_handlers((collector(behave),))

    @asynccontextmanager
    async def build(_: ProbeSettings) -> AsyncIterator[server.App]:
        yield server.App([server.Service(EMBEDDER, register)], checks=checks, parts=parts, stage=stage)
        closed()

    return build


async def unary_unary(channel: grpc.aio.Channel, name: str, **options: Any) -> list[str]:
    stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
    return [(await stub.GetModel(embedder_pb2.GetModelRequest(name=name), **options)).model.name]


async def unary_stream(channel: grpc.aio.Channel, name: str, **options: Any) -> list[str]:
    stub: Any = image_search_pb2_grpc.ImageSearchServiceStub(channel)
    answers = stub.FindDuplicates(image_search_pb2.FindDuplicatesRequest(collection=name), **options)
    return [answer.image_ids[0] async for answer in answers]


async def stream_unary(channel: grpc.aio.Channel, name: str, **options: Any) -> list[str]:
    method: Any = channel.stream_unary(
        f"/{COLLECTOR}/Collect",
        embedder_pb2.StreamEmbedRequest.SerializeToString,
        image_search_pb2.FindDuplicatesResponse.FromString,
    )
    return list((await method(iter([embedder_pb2.StreamEmbedRequest(item_id=name)]), **options)).image_ids)


async def stream_stream(channel: grpc.aio.Channel, name: str, **options: Any) -> list[str]:
    stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
    answers = stub.StreamEmbed(iter([embedder_pb2.StreamEmbedRequest(item_id=name)]), **options)
    return [answer.item_id async for answer in answers]


CALLS = [unary_unary, unary_stream, stream_unary, stream_stream]


def details(error: grpc.aio.AioRpcError) -> dict[str, Message]:
    """Return the google.rpc details of an error by the name of their type."""
    kinds = [
        error_details_pb2.ErrorInfo,
        error_details_pb2.BadRequest,
        error_details_pb2.ResourceInfo,
        error_details_pb2.RetryInfo,
    ]
    packed = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    found = {}
    for detail in status_pb2.Status.FromString(bytes(packed)).details:
        kind = next(kind for kind in kinds if detail.Is(kind.DESCRIPTOR))
        found[kind.DESCRIPTOR.name] = kind.FromString(detail.value)
    return found


async def health_of(address: str, service: str = "") -> str:
    """Return what a server's health service says of `service`."""
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=service))
    return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)


def info(error: grpc.aio.AioRpcError) -> Any:
    """Return the ErrorInfo of an error."""
    return details(error)["ErrorInfo"]


async def lengths(channel: grpc.aio.Channel, *sizes: int) -> list[int]:
    """Send images of these sizes in one message and return the sizes that arrived."""
    stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
    images = [types_pb2.Image(content=bytes(size)) for size in sizes]
    response = await stub.Embed(embedder_pb2.EmbedRequest(images=images), timeout=20)
    return [int(result.format) for result in response.results]


class Attempts:
    """Behaves in turn as each of a list says, an error or a behaviour, then answers; notes when each attempt came."""

    def __init__(self, *turns: BaseException | Behaviour) -> None:
        self._turns = iter(turns)
        self.times: list[float] = []

    async def __call__(self, name: str, context: Any) -> None:
        self.times.append(asyncio.get_running_loop().time())
        turn = next(self._turns, nothing)
        if isinstance(turn, BaseException):
            raise turn
        await turn(name, context)


async def nothing(*_: Any) -> None:
    """Behave: answer at once."""


async def as_named(name: str, _context: Any) -> None:
    """Behave as the request's name says: `slow 0.3` says that it has begun and takes that long, `fault TEXT` raises."""
    verb, _, text = name.partition(" ")
    if verb == "slow":
        say(name)
        await asyncio.sleep(float(text))
    if verb == "fault":
        logging.getLogger("library").warning("something is about to break")
        raise RuntimeError("something broke")


def say(what: object) -> None:
    """Tell whoever started this process, as a line of JSON."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    loaded = settings.load(ProbeSettings)
    telemetry.configure("probe", loaded.log_level)
    asyncio.run(server.run(build_with(as_named), loaded, started=lambda ports: say(asdict(ports))))
