"""A channel that stubs keep while what is under it is replaced."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc

Metadata = tuple[tuple[str, str | bytes], ...]


class ReplaceableChannel(grpc.aio.Channel):
    """Hands every call to the channel that is in use when it begins, with more metadata.

    Args:
        inner: The first channel; this one closes it.
        metadata: Called for every call.
    """

    def __init__(self, inner: grpc.aio.Channel, metadata: Callable[[], Metadata]) -> None:
        self.inner = inner
        self.metadata = metadata
        self._closing: set[asyncio.Task[None]] = set()

    def replace(self, fresh: grpc.aio.Channel, grace_seconds: float) -> None:
        """Begin further calls on another channel; those under way end on theirs, within `grace_seconds`."""
        task = asyncio.create_task(self.inner.close(grace_seconds))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
        self.inner = fresh

    async def close(self, grace: float | None = None) -> None:
        """Close all, those too that were replaced and have calls."""
        for task in self._closing:
            task.cancel()
        await asyncio.gather(self.inner.close(grace), *self._closing, return_exceptions=True)

    async def __aenter__(self) -> "ReplaceableChannel":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:
        """See grpc.aio.Channel; of the channel in use."""
        return self.inner.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """See grpc.aio.Channel; of the channel in use."""
        await self.inner.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """See grpc.aio.Channel; of the channel in use."""
        await self.inner.channel_ready()

    def unary_unary(self, *how: Any, **named: Any) -> Any:
        """See grpc.aio.Channel."""
        return _Method(self, lambda inner: inner.unary_unary(*how, **named))

    def unary_stream(self, *how: Any, **named: Any) -> Any:
        """See grpc.aio.Channel."""
        return _Method(self, lambda inner: inner.unary_stream(*how, **named))

    def stream_unary(self, *how: Any, **named: Any) -> Any:
        """See grpc.aio.Channel."""
        return _Method(self, lambda inner: inner.stream_unary(*how, **named))

    def stream_stream(self, *how: Any, **named: Any) -> Any:
        """See grpc.aio.Channel."""
        return _Method(self, lambda inner: inner.stream_stream(*how, **named))


class _Method:
    """One method of a stub, made anew on every channel that is put under it."""

    def __init__(self, owner: ReplaceableChannel, make: Callable[[grpc.aio.Channel], Any]) -> None:
        self._owner = owner
        self._make = make
        self._made_on: grpc.aio.Channel | None = None
        self._method: Any = None

    def __call__(self, *requests: Any, metadata: Any = None, **options: Any) -> Any:
        if self._made_on is not self._owner.inner:
            self._made_on = self._owner.inner
            self._method = self._make(self._made_on)
        return self._method(*requests, metadata=(*(metadata or ()), *self._owner.metadata()), **options)
