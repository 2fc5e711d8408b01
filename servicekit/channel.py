"""Channels to other services, and the one way to call through them."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from importlib import resources
from typing import Any, TypeVar

import grpc

from servicekit import deadline, status, telemetry

Request = TypeVar("Request")
Response = TypeVar("Response")


def connect(target: str, *, max_message_bytes: int, service_config: str) -> grpc.aio.Channel:
    """Return a channel that spreads calls over every address behind `target` and reconnects by itself.

    Args:
        target: A gRPC target, such as dns:///embedder:50051.
        max_message_bytes: Limit on one message, both ways.
        service_config: JSON with timeouts, the retry policy and round_robin.
    """
    options = [
        ("grpc.service_config", service_config),
        ("grpc.max_send_message_length", max_message_bytes),
        ("grpc.max_receive_message_length", max_message_bytes),
        # A call is retried only while its request is kept; by default nothing over 256 KiB is, so no photograph.
        ("grpc.per_rpc_retry_buffer_size", max_message_bytes),
        # A proxy in the environment is for the way out, not for the way to a neighbour.
        ("grpc.enable_http_proxy", 0),
        # Notices a peer that vanished without a word within 30 s, and keeps below what our servers permit.
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        ("grpc.max_reconnect_backoff_ms", 2_000),
    ]
    return grpc.aio.insecure_channel(target, options=options)


def service_config(package: str, name: str) -> str:
    """Return the service config that `package` carries as the file `name`."""
    return resources.files(package).joinpath(name).read_text()


async def call(
    method: Callable[..., Awaitable[Response]], request: Request, *, stage: str, cap_seconds: float = 30.0
) -> Response:
    """Call another service with the time and the request id of the call being served.

    Raises:
        ServiceError: what the other service, or the way to it, answered.
    """
    options: dict[str, Any] = {"metadata": telemetry.outgoing_metadata()}
    with deadline.stage(stage):
        try:
            return await method(request, timeout=deadline.remaining(cap_seconds), **options)
        except grpc.aio.AioRpcError as error:
            raise status.from_rpc_error(error, stage) from None


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
