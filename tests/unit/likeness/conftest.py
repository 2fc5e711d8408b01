"""Servers that answer as they are told."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest

Answer = Callable[[Any, grpc.ServicerContext], Any]
_SERVICES = ("likeness.v1.ImageSearchService", "grpc.health.v1.Health")
Serve = Callable[..., Any]


class _Scripted(grpc.GenericRpcHandler):
    """Answers each method of ImageSearchService, and of the health service, by name; knows no others."""

    def __init__(self, answers: dict[str, tuple[Any, Answer]]) -> None:
        self._answers = answers

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> Any:
        service, _, method = str(handler_call_details.method).strip("/").partition("/")
        if service not in _SERVICES or method not in self._answers:
            return None
        request, answer = self._answers[method]
        return grpc.unary_unary_rpc_method_handler(
            answer, request_deserializer=request.FromString, response_serializer=lambda made: made.SerializeToString()
        )


@contextmanager
def _serving(**answers: tuple[Any, Answer]) -> Iterator[str]:
    server = grpc.server(ThreadPoolExecutor(2), handlers=[_Scripted(answers)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


@pytest.fixture
def serve() -> Serve:
    """Runs a server whose methods are given as `Method=(request type, answer)`, and returns its address."""
    return _serving
