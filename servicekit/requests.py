"""What a call brings: its messages as they come, each no larger than a server takes and of the method's type."""

from __future__ import annotations  # grpc's handler types can be subscripted by the type checker only

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

from google.protobuf.message import DecodeError

from servicekit import errors


@asynccontextmanager
async def of_call(handler: Any, messages: AsyncIterator[bytes], max_message_bytes: int) -> AsyncIterator[Any]:
    """Give what a gRPC method handler takes: its requests as they come, or its only one.

    Raises:
        MessageTooLarge: a message has more than `max_message_bytes`.
        MalformedRequest: a message is not of the method's type, or its only one is missing.
    """
    async with aclosing(_decoded(messages, handler.request_deserializer, max_message_bytes)) as requests:
        yield requests if handler.request_streaming else await _only(requests)


async def _decoded(
    messages: AsyncIterator[bytes], decode: Callable[[bytes], Any], max_message_bytes: int
) -> AsyncGenerator[Any]:
    async for raw in messages:
        if len(raw) > max_message_bytes:
            raise _too_large(len(raw), max_message_bytes)
        try:
            request = decode(raw)
        except DecodeError:
            raise errors.MalformedRequest("the request is not a message that this method takes") from None
        yield request


async def _only(requests: AsyncGenerator[Any]) -> Any:
    async for request in requests:
        return request
    raise errors.MalformedRequest("the call carries no request")


def _too_large(actual: int, limit: int) -> errors.MessageTooLarge:
    figures = {"unit": "bytes", "actual": str(actual), "limit": str(limit)}
    return errors.MessageTooLarge(f"the request has {actual:,} bytes; the limit is {limit:,}", metadata=figures)
