"""What a call brings: its messages as they come, each no larger than a server takes and of the method's type."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, TypeAlias

import grpc
from google.protobuf.message import DecodeError

from servicekit import errors

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


@asynccontextmanager
async def of_call(handler: Any, context: Context, max_message_bytes: int) -> AsyncIterator[Any]:
    """Give what a gRPC method handler takes: its requests as they come, or its only one.

    Raises:
        MessageTooLarge: a message has more than `max_message_bytes`.
        MalformedRequest: a message is not of the method's type, or its only one is missing.
    """
    async with aclosing(_decoded(context, handler.request_deserializer, max_message_bytes)) as requests:
        yield requests if handler.request_streaming else await _only(requests)


async def _decoded(context: Context, decode: Callable[[bytes], Any], max_message_bytes: int) -> AsyncGenerator[Any]:
    # The iterator that gRPC gives to a handler refers to itself and to its last message: until garbage is collected,
    # the bytes of every picture would outlive their call. The same goes for those in the frames of an error.
    while (raw := await context.read()) is not grpc.aio.EOF:
        request = _request(raw, decode, max_message_bytes)
        del raw
        if isinstance(request, errors.InvalidArgument):
            raise request
        yield request


def _request(raw: bytes, decode: Callable[[bytes], Any], max_message_bytes: int) -> Any:
    """Return the message, or what is wrong with it."""
    if len(raw) > max_message_bytes:
        return _too_large(len(raw), max_message_bytes)
    try:
        return decode(raw)
    except DecodeError:
        return errors.MalformedRequest("the request is not a message that this method takes")


async def _only(requests: AsyncGenerator[Any]) -> Any:
    async for request in requests:
        return request
    raise errors.MalformedRequest("the call carries no request")


def _too_large(actual: int, limit: int) -> errors.MessageTooLarge:
    figures = {"unit": "bytes", "actual": str(actual), "limit": str(limit)}
    return errors.MessageTooLarge(f"the request has {actual:,} bytes; the limit is {limit:,}", metadata=figures)
