"""Channels to a gateway: timeouts, retries and balancing as the contract's service config says."""

from importlib import resources

import grpc

MAX_MESSAGE_BYTES = 32 * 1024 * 1024
"""The most that a server takes in one message."""


def connect(address: str, credentials: grpc.ChannelCredentials | None = None, *, server_name: str = "") -> grpc.Channel:
    """Return a channel to `address`, a gRPC target, made at the first call, and plain without credentials.

    `server_name` is the name that the server's certificate must bear; empty for that of the address.
    """
    if credentials is None:
        return grpc.insecure_channel(address, options=_options())
    return grpc.secure_channel(address, credentials, options=_options(server_name))


def connect_async(
    address: str, credentials: grpc.ChannelCredentials | None = None, *, server_name: str = ""
) -> grpc.aio.Channel:
    """Return the same for asyncio."""
    if credentials is None:
        return grpc.aio.insecure_channel(address, options=_options())
    return grpc.aio.secure_channel(address, credentials, options=_options(server_name))


def _options(server_name: str = "") -> list[tuple[str, str | int]]:
    config = resources.files("likeness.v1").joinpath("likeness_grpc_service_config.json").read_text()
    return [
        ("grpc.service_config", config),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        # A call is retried only while its request is kept; by default nothing over 256 KiB is, so no photograph.
        ("grpc.per_rpc_retry_buffer_size", MAX_MESSAGE_BYTES),
        # Notices within 30 s that a server vanished without a word; a server permits a ping every 10 s.
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.keepalive_timeout_ms", 10_000),
        # A restarted server is found again within 2 s, at a new address too.
        ("grpc.max_reconnect_backoff_ms", 2_000),
        ("grpc.dns_min_time_between_resolutions_ms", 1_000),
        *([("grpc.ssl_target_name_override", server_name)] if server_name else []),
    ]
