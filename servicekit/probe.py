"""Asks a server whether it is ready: `python -m servicekit.probe HOST:PORT` ends with 0 where it is, else with 1."""

import sys
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

_TIMEOUT_SECONDS = 1.0
_OPTIONS = [
    # Each probe connects afresh; channels that share connections would share their waits between attempts too.
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_http_proxy", 0),
]


def is_serving(address: str) -> bool:
    """Return whether the server whose health is told at `address` says SERVING of itself as a whole."""
    with grpc.insecure_channel(address, options=_OPTIONS) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        try:
            response = stub.Check(health_pb2.HealthCheckRequest(), timeout=_TIMEOUT_SECONDS)
        except grpc.RpcError:
            return False
    return bool(response.status == health_pb2.HealthCheckResponse.SERVING)


if __name__ == "__main__":
    sys.exit(not is_serving(sys.argv[1]))
