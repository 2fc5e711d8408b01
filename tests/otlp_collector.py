"""A receiver of OTLP over gRPC: what traces are sent to."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

_PATIENCE_SECONDS = 60


@dataclass(frozen=True)
class Span:
    """One span, with the name of the service that sent it; `parent` is empty for the first of its trace."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent: str
    kind: int
    attributes: dict[str, Any]
    failed: str
    began_ns: int
    ended_ns: int


@dataclass
class Collector:
    """Keeps every span that was sent."""

    address: str = ""
    spans: list[Span] = field(default_factory=list)
    raw: bytes = b""
    _news: threading.Condition = field(default_factory=threading.Condition)

    def export(self, request: Any, _context: object) -> Any:
        """Take spans in."""
        with self._news:
            self.raw += request.SerializeToString()
            self.spans += [
                _span(_values(resource.resource.attributes)["service.name"], span)
                for resource in request.resource_spans
                for scope in resource.scope_spans
                for span in scope.spans
            ]
            self._news.notify_all()
        return trace_service_pb2.ExportTraceServiceResponse()

    def wait(self, true: Callable[[list[Span]], bool]) -> list[Span]:
        """Return all spans once something is true of them."""
        with self._news:
            assert self._news.wait_for(lambda: true(self.spans), _PATIENCE_SECONDS), [s.name for s in self.spans]
            return list(self.spans)


@contextmanager
def collector() -> Iterator[Collector]:
    """Run a receiver, on threads: those who send to it may block this thread's event loop."""
    receiver = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    servicer = type("Servicer", (trace_service_pb2_grpc.TraceServiceServicer,), {})()
    servicer.Export = receiver.export
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(servicer, server)
    receiver.address = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    try:
        yield receiver
    finally:
        server.stop(None).wait()


def _span(service: str, span: Any) -> Span:
    return Span(
        service,
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        span.kind,
        _values(span.attributes),
        span.status.message if span.status.code == span.status.STATUS_CODE_ERROR else "",
        span.start_time_unix_nano,
        span.end_time_unix_nano,
    )


def _values(attributes: Any) -> dict[str, Any]:
    return {each.key: getattr(each.value, each.value.WhichOneof("value")) for each in attributes}
