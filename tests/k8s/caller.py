"""A program that calls the gateway at a steady pace with the retry policy that is shipped, and says how calls end.

It runs in a pod, on nothing but the stubs: one JSON document a line, {"at", "call", "code", "seconds", "details"}.
"""

import asyncio
import itertools
import json
import os
import struct
import sys
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib import resources
from typing import Any

import grpc

from likeness.v1 import image_search_pb2, image_search_pb2_grpc, types_pb2

COLLECTION = f"load-{time.time_ns()}"
CALLS_PER_SECOND = 20
_SIDE_PX = 32
_POLICY = resources.files("likeness.v1").joinpath("likeness_grpc_service_config.json").read_text()


def picture() -> bytes:
    """Return a PNG that nobody has seen before, so that somebody has to embed it."""
    row = b"\0" + os.urandom(3 * _SIDE_PX)
    header = struct.pack("!IIBBBBB", _SIDE_PX, _SIDE_PX, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(row * _SIDE_PX)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in chunks)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack("!I", len(body)) + kind + body + struct.pack("!I", zlib.crc32(kind + body))


class Caller:
    """Each call in turn: a search by a new picture, a new picture to index, and a search by one that is there."""

    def __init__(self, stub: Any) -> None:
        self._stub = stub
        self._known = ""

    async def begin(self) -> None:
        """Return once there is a collection with a picture in it; a system that starts may need a while for that."""
        collection = image_search_pb2.Collection(name=COLLECTION)
        await self._stub.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=collection))
        await self.index()
        # Another search service than the one that took it may need a moment.
        await self._stub.SearchImages(self._by_id(consistency=types_pb2.CONSISTENCY_STRONG))

    async def search(self) -> None:
        image = types_pb2.Image(content=picture())
        answer = await self._stub.SearchImages(
            image_search_pb2.SearchImagesRequest(collection=COLLECTION, image=image, top_k=5)
        )
        assert answer.hits

    async def index(self) -> None:
        image_id = f"picture/{time.time_ns()}"
        entry = image_search_pb2.ImageEntry(image_id=image_id, image=types_pb2.Image(content=picture()))
        request = image_search_pb2.IndexImagesRequest(collection=COLLECTION, entries=[entry])
        answer = await self._stub.IndexImages(request)
        assert not answer.results[0].HasField("error"), answer.results[0].error.message
        self._known = image_id

    async def find(self) -> None:
        answer = await self._stub.SearchImages(self._by_id())
        assert answer.hits

    def _by_id(self, **options: Any) -> Any:
        return image_search_pb2.SearchImagesRequest(collection=COLLECTION, image_id=self._known, top_k=5, **options)


async def timed(call: Callable[[], Awaitable[None]]) -> None:
    """Make a call and say how it ended."""
    started = time.monotonic()
    code, details = "OK", ""
    try:
        await call()
    except grpc.aio.AioRpcError as error:
        code, details = error.code().name, error.details() or ""
    except AssertionError as error:
        code, details = "WRONG", str(error)
    report = {"at": time.time(), "call": call.__name__, "code": code, "details": details}
    print(json.dumps({**report, "seconds": round(time.monotonic() - started, 3)}), flush=True)


@asynccontextmanager
async def connected(target: str) -> AsyncIterator[Any]:
    async with grpc.aio.insecure_channel(target, options=[("grpc.service_config", _POLICY)]) as channel:
        yield image_search_pb2_grpc.ImageSearchServiceStub(channel)


async def main(target: str) -> None:
    """Call until killed, whether or not the calls before have ended."""
    async with connected(target) as stub:
        caller = Caller(stub)
        await caller.begin()
        loop = asyncio.get_running_loop()
        started, running = loop.time(), set()
        for number, call in enumerate(itertools.cycle([caller.search, caller.index, caller.search, caller.find])):
            await asyncio.sleep(started + number / CALLS_PER_SECOND - loop.time())
            task = asyncio.create_task(timed(call))
            running.add(task)
            task.add_done_callback(running.discard)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
