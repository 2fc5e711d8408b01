"""What redis-py is told about a connection: keyword arguments from an address and what is shown to its servers."""

from collections.abc import Mapping
from typing import Any

from search_service.redis_address import Kind, RedisAccess, RedisAddress

Options = Mapping[str, Any]


def of_server(address: RedisAddress, access: RedisAccess, timeout_seconds: float, max_connections: int) -> Options:
    """Return the options of connections to the servers that hold records."""
    return {
        "username": address.username or access.username or None,
        "password": address.password or access.password or None,
        # Each call is bounded as a whole, by its caller. Only a cluster must learn that a node hangs, from a wait that
        # ends before the call does; with such waits, redis-py can lose a cancellation on Python 3.11.
        "socket_timeout": timeout_seconds / 2 if address.kind is Kind.CLUSTER else None,
        "socket_connect_timeout": timeout_seconds / 2 if address.kind is Kind.CLUSTER else timeout_seconds,
        "max_connections": max_connections,
        "decode_responses": True,
        # With the notices of RESP3, redis-py uses pooled connections without a look at whether they are still open.
        "protocol": 2,
        **(_tls(access) if address.tls else {}),
    }


def of_sentinel(address: RedisAddress, access: RedisAccess, server: Options) -> Options:
    """Return the options of connections to sentinels, given those to the servers."""
    # All sentinels can be asked, one after the other, within one call.
    patience = server["socket_connect_timeout"] / (len(address.nodes) + 1)
    return {
        **server,
        "username": access.sentinel_username or None,
        "password": access.sentinel_password or None,
        "socket_timeout": patience,
        "socket_connect_timeout": patience,
    }


def place(address: RedisAddress) -> Options:
    """Return where a single server is."""
    if address.path:
        return {"unix_socket_path": address.path, "db": address.database}
    ((host, port),) = address.nodes
    return {"host": host, "port": port, "db": address.database}


def _tls(access: RedisAccess) -> Options:
    files = {"ca_certs": access.tls_ca_file, "certfile": access.tls_cert_file, "keyfile": access.tls_key_file}
    named = {f"ssl_{name}": str(file) for name, file in files.items() if file}
    return {"ssl": True, "ssl_check_hostname": access.tls_check_name, **named}
