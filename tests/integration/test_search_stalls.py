"""The search service while its Milvus is stopped, dead or absent: calls end in time, and it is ready soon after."""

import asyncio
import os
import secrets
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import search_service.app
from likeness.v1 import embedder_pb2, image_search_pb2, search_pb2, search_pb2_grpc, types_pb2
from search_service.settings import SearchSettings
from tests import servers
from tests.serving import Serving, serving

DEADLINE_SECONDS, LATE_SECONDS = 0.5, 0.1
OPEN_SECONDS, REFUSAL_SECONDS, READY_SECONDS = 2.0, 0.05, 5.0
THREADS = 4
AXES = ([1.0, 0.0], [0.0, 1.0], [-1.0, 0.0])
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
FAILED = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED}


@dataclass(frozen=True)
class Searcher:
    """A running search service with a collection of three images, and the Milvus under it."""

    serving: Serving
    stub: Any
    collection: str
    send: Callable[[signal.Signals], None]

    async def search(self) -> tuple[grpc.StatusCode, str, float]:
        """Search, and return the code, the message and how long it took."""
        request = search_pb2.SearchRequest(collection=self.collection, image_id="image-1", top_k=3)
        return await ended(self.stub.Search(request, timeout=DEADLINE_SECONDS))

    async def becomes(self, status: int) -> None:
        """Return once the service says so of itself."""
        channel = grpc.aio.insecure_channel(self.serving.health_address)
        async with asyncio.timeout(READY_SECONDS), channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            async for answer in health.Watch(health_pb2.HealthCheckRequest()):
                if answer.status == status:
                    return


async def ended(call: Any) -> tuple[grpc.StatusCode, str, float]:
    began = time.monotonic()
    code = await call.code()
    return code, str(await call.details()), time.monotonic() - began


def settings_of(milvus_uri: str, redis_url: str) -> SearchSettings:
    return SearchSettings(
        port=0,
        health_port=0,
        metrics_port=0,
        drain_seconds=0,
        redis_url=redis_url,
        milvus_uri=milvus_uri,
        milvus_threads=THREADS,
        shared_milvus="://" in milvus_uri,
    )


@asynccontextmanager
async def searcher(milvus_uri: str, redis_url: str, send: Callable[[signal.Signals], None]) -> AsyncIterator[Searcher]:
    async with serving(search_service.app.build, settings_of(milvus_uri, redis_url)) as running:
        await running.ready()
        async with grpc.aio.insecure_channel(running.address) as channel:
            stub: Any = search_pb2_grpc.SearchServiceStub(channel)
            name = f"stall-{secrets.token_hex(4)}"
            collection = image_search_pb2.Collection(name=name)
            collection.bindings.add(model="m", fingerprint="f" * 64, dimension=2)
            await stub.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=collection))
            await stub.UpsertImages(search_pb2.UpsertImagesRequest(collection=name, images=map(image, range(3))))
            yield Searcher(running, stub, name, send)
            send(signal.SIGCONT)
            await stub.DeleteCollection(image_search_pb2.DeleteCollectionRequest(name=name, force=True))


def image(number: int) -> search_pb2.ImageVectors:
    vector = types_pb2.Vector(values=AXES[number])
    return search_pb2.ImageVectors(
        version=search_pb2.ImageVersion(image_id=f"image-{number}", content_sha256=f"{number:064x}"),
        width_px=1,
        height_px=1,
        embeddings=[embedder_pb2.Embedding(model="m", fingerprint="f" * 64, dimension=2, vector=vector)],
    )


@pytest.fixture(params=["lite", pytest.param("server", marks=pytest.mark.long)])
async def running(request: pytest.FixtureRequest, tmp_path: Path, redis_url: str) -> AsyncIterator[Searcher]:
    """The service over the embedded Milvus, and over a server."""
    if request.param == "lite":
        file = tmp_path / "lite.db"
        made = searcher(str(file), redis_url, partial(to_lite, file))
    else:
        server = request.getfixturevalue("milvus_server")
        made = searcher(server.uri, redis_url, server.send)
    async with made as searches:
        yield searches


def to_lite(file: Path, number: signal.Signals) -> None:
    for pid in servers.lite_processes(file):
        os.kill(pid, number)


async def test_while_milvus_hangs_calls_end_in_time_and_the_others_go_on(running: Searcher) -> None:
    assert (await running.search())[0] is grpc.StatusCode.OK
    stopped = time.monotonic()
    running.send(signal.SIGSTOP)
    await hold_the_bars(running, stopped)
    await running.becomes(NOT_SERVING)
    assert time.monotonic() - stopped <= OPEN_SECONDS + LATE_SECONDS
    for _ in range(10):
        code, _, seconds = await running.search()
        assert code is grpc.StatusCode.UNAVAILABLE
        assert seconds <= REFUSAL_SECONDS
    await go_on(running)


async def hold_the_bars(running: Searcher, stopped: float) -> None:
    """Search with more calls than there are threads, and read records meanwhile."""
    searches = [asyncio.create_task(running.search()) for _ in range(4 * THREADS)]
    get = image_search_pb2.GetImageRequest(collection=running.collection, image_id="image-2")
    listing = image_search_pb2.ListImagesRequest(collection=running.collection)
    while time.monotonic() - stopped < DEADLINE_SECONDS:
        assert (await running.stub.GetImage(get, timeout=DEADLINE_SECONDS)).image.image_id == "image-2"
        assert len((await running.stub.ListImages(listing, timeout=DEADLINE_SECONDS)).images) == 3
    for code, message, seconds in await asyncio.gather(*searches):
        assert seconds <= DEADLINE_SECONDS + LATE_SECONDS
        assert code in FAILED
        assert code is grpc.StatusCode.UNAVAILABLE or "stage search" in message
    await running.serving.ready("liveness")


async def go_on(running: Searcher) -> None:
    """Let Milvus go on; the service finds it again by itself and answers with all that it has."""
    running.send(signal.SIGCONT)
    async with asyncio.timeout(READY_SECONDS):
        await running.serving.ready()
    request = search_pb2.SearchRequest(collection=running.collection, image_id="image-1", top_k=3)
    answer = await running.stub.Search(request, timeout=5)
    assert [hit.image_id for hit in answer.hits] == ["image-1", "image-0", "image-2"]


@pytest.mark.long
async def test_half_a_minute_of_silence_leaves_nothing_behind(running: Searcher) -> None:
    """Longer than gRPC keeps a connection that does not answer, and than Milvus's own calls may last."""
    stopped = time.monotonic()
    running.send(signal.SIGSTOP)
    await hold_the_bars(running, stopped)
    while time.monotonic() - stopped < 30:
        code, _, seconds = await running.search()
        assert code in FAILED
        assert seconds <= DEADLINE_SECONDS + LATE_SECONDS
        await asyncio.sleep(0.2)
    await go_on(running)


async def test_an_embedded_milvus_that_dies_is_back_with_all_it_had(tmp_path: Path, redis_url: str) -> None:
    file = tmp_path / "lite.db"
    async with searcher(str(file), redis_url, partial(to_lite, file)) as running:
        running.send(signal.SIGKILL)
        async with asyncio.timeout(READY_SECONDS):
            while (await running.search())[0] is not grpc.StatusCode.OK:
                pass
        await go_on(running)


async def test_a_milvus_that_comes_late_is_found(milvus_server_uri: str, redis_url: str) -> None:
    port = servers.free_port()
    async with serving(search_service.app.build, settings_of(f"http://127.0.0.1:{port}", redis_url)) as running:
        async with grpc.aio.insecure_channel(running.health_address) as channel:
            health: Any = health_pb2_grpc.HealthStub(channel)
            assert (await health.Check(health_pb2.HealthCheckRequest())).status == NOT_SERVING
        async with forwarding(port, milvus_server_uri), asyncio.timeout(READY_SECONDS):
            await running.ready()
            await running.ready("liveness")


@asynccontextmanager
async def forwarding(port: int, uri: str) -> AsyncIterator[None]:
    """Let what listens at an address be at a port of our own, too."""
    host, _, target = uri.removeprefix("http://").partition(":")

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(host, int(target))
        await asyncio.gather(pump(reader, back), pump(there, writer))

    async with await asyncio.start_server(forward, "127.0.0.1", port):
        yield


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
