"""OpenTelemetry: spans that are sent to a collector over OTLP, in the background and bounded, never in a call's way."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from servicekit.spans import Attributes, Span
from servicekit.tracing import CallSpan, Place, Tracer

# A stream may last for days: beyond so many steps of one call, no more are traced, here or by the services it calls.
_MAX_STEPS = 1000
# gRPC's conventions: codes by which a server, and not its caller, is at fault.
_FAULTS = {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
# A collector that is away must not keep a process from ending.
_FLUSH_SECONDS = 2.0
_NOT_SAMPLED = trace.TraceFlags(trace.TraceFlags.DEFAULT)


@contextmanager
def opened(service: str) -> Iterator[Tracer]:
    """Give a tracer that sends to where the OTEL_* variables say, and at the end whatever is left.

    `service` is its name; empty where those variables give another.
    """
    provider = TracerProvider(
        resource=Resource.create({SERVICE_NAME: service} if service else {}), shutdown_on_exit=False
    )
    exporter = OTLPSpanExporter()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    try:
        yield OtlpTracer(provider.get_tracer("likeness"))
    finally:
        patience = threading.Timer(_FLUSH_SECONDS, exporter.shutdown)
        patience.start()
        provider.shutdown()
        patience.cancel()


class OtlpTracer:
    """Makes spans of calls; which are sampled, OTEL_TRACES_SAMPLER and the caller say."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer

    def call(self, method: str, caller: Place | None) -> CallSpan:
        """See Tracer."""
        service, _, name = method.rpartition("/")
        attributes = {"rpc.system": "grpc", "rpc.service": service, "rpc.method": name}
        context = trace.set_span_in_context(_remote(caller), Context()) if caller else Context()
        span = self._tracer.start_span(method, context, trace.SpanKind.SERVER, attributes)
        return _CallSpan(self._tracer, span, _Budget(_MAX_STEPS))


class _Budget:
    """How many steps of a call may yet be traced."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def __bool__(self) -> bool:
        return self._left > 0

    def take(self) -> bool:
        self._left -= 1
        return self._left >= 0


class _Span:
    def __init__(self, tracer: trace.Tracer, span: trace.Span, budget: _Budget) -> None:
        self._tracer = tracer
        self._span = span
        self._budget = budget

    @property
    def trace_id(self) -> str:
        return trace.format_trace_id(self._span.get_span_context().trace_id)

    @property
    def traceparent(self) -> str:
        place = self._span.get_span_context()
        flags = place.trace_flags if self._budget else _NOT_SAMPLED
        return f"00-{trace.format_trace_id(place.trace_id)}-{trace.format_span_id(place.span_id)}-{flags:02x}"

    @contextmanager
    def step(self, name: str, attributes: Attributes, *, outward: bool) -> Iterator[Span]:
        if not self._span.is_recording() or not self._budget.take():
            yield self
            return
        kind = trace.SpanKind.CLIENT if outward else trace.SpanKind.INTERNAL
        span = self._tracer.start_span(name, self._context(), kind, attributes)
        try:
            yield _Span(self._tracer, span, self._budget)
        except BaseException as error:
            span.set_status(trace.StatusCode.ERROR, _reason(error))
            raise
        finally:
            span.end()

    def past(self, name: str, seconds: tuple[float, float], attributes: Attributes) -> None:
        if self._span.is_recording() and self._budget.take():
            began, ended = map(_epoch_ns, seconds)
            self._tracer.start_span(name, self._context(), attributes=attributes, start_time=began).end(ended)

    def _context(self) -> Context:
        return trace.set_span_in_context(self._span, Context())


class _CallSpan(_Span):
    def ended(self, code: str, reason: str) -> None:
        self._span.set_attribute("rpc.grpc.status_code", grpc.StatusCode[code].value[0])
        if reason:
            self._span.set_attribute("likeness.reason", reason)
        if code in _FAULTS:
            self._span.set_status(trace.StatusCode.ERROR, code)
        self._span.end()


def _remote(caller: Place) -> trace.Span:
    flags = trace.TraceFlags(trace.TraceFlags.SAMPLED) if caller.sampled else _NOT_SAMPLED
    return trace.NonRecordingSpan(
        trace.SpanContext(int(caller.trace_id, 16), int(caller.span_id, 16), is_remote=True, trace_flags=flags)
    )


def _reason(error: BaseException) -> str:
    """Return what kind of error it is: its text may hold what a caller sent."""
    return str(getattr(error, "code_reason", type(error).__name__))


def _epoch_ns(monotonic_seconds: float) -> int:
    return time.time_ns() - round((time.monotonic() - monotonic_seconds) * 1e9)
