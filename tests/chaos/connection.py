"""A connection that comes back as soon as the server does."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from likeness.v1 import search_pb2_grpc

_OPTIONS = [
    ("grpc.initial_reconnect_backoff_ms", 20),
    ("grpc.min_reconnect_backoff_ms", 20),
    ("grpc.max_reconnect_backoff_ms", 100),
    # What the caller is told is to be what happened; nothing asks again in its place.
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
]


@asynccontextmanager
async def connected(address: str) -> AsyncIterator[Any]:
    """Give a stub of the search service at `address`."""
    async with grpc.aio.insecure_channel(address, options=_OPTIONS) as channel:
        yield search_pb2_grpc.SearchServiceStub(channel)
