"""Channels to other services, and the one way to call through them."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, TypeVar

import grpc

from servicekit import deadline, status, telemetry
from servicekit.errors import DeadlineExceeded, ServiceError, Unavailable

Request = TypeVar("Request")
Response = TypeVar("Response")

# Without a retry policy: gRPC's own retries keep the last error to themselves, and wait on until the time is over.
_SERVICE_CONFIG = '{"loadBalancingConfig": [{"round_robin": {}}]}'
_ATTEMPTS = 4
_FIRST_WAIT_SECONDS = 0.1


def connect(
    target: str,
    *,
    max_message_bytes: int,
    credentials: grpc.ChannelCredentials | None = None,
    server_name: str = "",
) -> grpc.aio.Channel:
    """Return a channel that spreads calls over every address behind `target` and reconnects by itself.

    Args:
        target: A gRPC target, such as dns:///embedder:50051.
        max_message_bytes: Limit on one message, both ways.
        credentials: For TLS; without any, connections are plain.
        server_name: The name that the server's certificate must be of; empty for that of the target.
    """
    options: list[tuple[str, Any]] = [
        ("grpc.service_config", _SERVICE_CONFIG),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
        # A call that no server began is made again only while its request is kept; by default nothing over 256 KiB is.
        ("grpc.per_rpc_retry_buffer_size", max_message_bytes),
        # A proxy in the environment is for the way out, not for the way to a neighbour.
        ("grpc.enable_http_proxy", 0),
        # Notices a peer that vanished without a word within 30 s, and keeps below what our servers permit.
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # Until the next look at a peer that was not there, every call fails at once.
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
        # By default an address that replaces a lost one is found up to 30 s late.
        ("grpc.dns_min_time_between_resolutions_ms", 1_000),
    ]
    if server_name:
        options.append(("grpc.ssl_target_name_override", server_name))
    if credentials is None:
        return grpc.aio.insecure_channel(target, options=options)
    return grpc.aio.secure_channel(target, credentials, options=options)


async def call(
    method: Callable[..., Awaitable[Response]], request: Request, *, stage: str, cap_seconds: float = 30.0
) -> Response:
    """Call another service with the time and the request id of the call being served.

    What is UNAVAILABLE is asked again, four times in all, as late as the service says, and only while the time allows:
    once it does not, that error is the answer, since it alone tells the caller to come back.

    Raises:
        ServiceError: what the other service, or the way to it, answered.
    """
    ends = _now() + deadline.remaining(cap_seconds)
    cause: Unavailable | None = None
    attempt = 0
    with deadline.stage(stage):
        while True:
            attempt += 1
            with deadline.because(cause):
                try:
                    return await _attempt(method, request, ends - _now())
                except grpc.aio.AioRpcError as error:
                    cause = _passing(status.from_rpc_error(error, stage), cause)
                    wait_seconds = _wait_seconds(error, attempt)
            if attempt == _ATTEMPTS or wait_seconds >= ends - _now():
                raise cause
            with deadline.because(cause):
                await asyncio.sleep(wait_seconds)


async def _attempt(method: Callable[..., Awaitable[Response]], request: Request, seconds: float) -> Response:
    options: dict[str, Any] = {"metadata": telemetry.outgoing_metadata()}
    return await method(request, timeout=max(0.0, seconds), **options)


def _passing(error: ServiceError, before: Unavailable | None) -> Unavailable:
    """Return the error if it may pass; raise it if not, or, if it only says that time is up, what took the time."""
    if isinstance(error, Unavailable):
        return error
    raise (before if before and isinstance(error, DeadlineExceeded) else error) from None


def _wait_seconds(error: grpc.aio.AioRpcError, attempt: int) -> float:
    """Return what the server asks for; where none answered, a tenth of a second that doubles, give or take a fifth."""
    asked = status.pushback_seconds(error)
    if asked is not None:
        return asked
    return _FIRST_WAIT_SECONDS * 2.0 ** (attempt - 1) * random.uniform(0.8, 1.2)  # noqa: S311 spreads load, hides nothing


async def stream(
    method: Callable[..., Any], request: Request, *, stage: str, cap_seconds: float
) -> AsyncGenerator[Any]:
    """Call another service that answers with a stream; closing the generator cancels the call.

    Raises:
        ServiceError: what the other service, or the way to it, answered, before its first response or after.
    """
    with deadline.stage(stage):
        answers = method(request, timeout=deadline.remaining(cap_seconds), metadata=telemetry.outgoing_metadata())
        try:
            async for answer in answers:
                yield answer
        except grpc.aio.AioRpcError as error:
            raise status.from_rpc_error(error, stage) from None
        finally:
            answers.cancel()


def _now() -> float:
    return asyncio.get_running_loop().time()
