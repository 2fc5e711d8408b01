"""Traces: whether calls are traced, and how a trace goes on from service to service (W3C Trace Context)."""

import os
import random
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Protocol

from servicekit.spans import Attributes, Span

TRACEPARENT_KEY = "traceparent"
_TRACEPARENT = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL")
_SAMPLED = 1


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a trace: that of the caller, or a new one. Without a tracer it is handed on as it is."""

    trace_id: str
    span_id: str
    sampled: bool

    @property
    def traceparent(self) -> str:
        """See Span."""
        return f"00-{self.trace_id}-{self.span_id}-{self.sampled:02x}"

    def step(self, name: str, attributes: Attributes, *, outward: bool) -> AbstractContextManager[Span]:  # noqa: ARG002
        """See Span: nothing is noted."""
        return nullcontext(self)

    def past(self, name: str, seconds: tuple[float, float], attributes: Attributes) -> None:
        """See Span: nothing is noted."""


class CallSpan(Span, Protocol):
    """The span of a call that is being served."""

    def ended(self, code: str, reason: str) -> None:
        """Note that the call is over, with its gRPC code, and the reason of the error if it was one."""


class Tracer(Protocol):
    """Makes the spans of calls."""

    def call(self, method: str, caller: Place | None) -> CallSpan:
        """Return the span of a call that begins, at the caller's place in a trace if there is one."""


class _Untraced(Place):
    def ended(self, code: str, reason: str) -> None:
        """See CallSpan: nothing is noted."""


class NoTracer:
    """Traces nothing, and hands on where in a trace the caller is, or a new place that is not sampled."""

    def call(self, method: str, caller: Place | None) -> CallSpan:  # noqa: ARG002
        """See Tracer."""
        if caller is None:
            # Not of the system: that call lets go of the interpreter, and then waits for it behind other threads.
            return _Untraced(f"{random.getrandbits(128):032x}", f"{random.getrandbits(64):016x}", sampled=False)
        return _Untraced(caller.trace_id, caller.span_id, caller.sampled)


def place(metadata: Mapping[str, str | bytes]) -> Place | None:
    """Return where in a trace the caller is; None if it does not say, or not in a form that can be read."""
    given = metadata.get(TRACEPARENT_KEY)
    read = _TRACEPARENT.fullmatch(given) if isinstance(given, str) else None
    if read is None or (read[1] == "00" and read[5]):
        return None
    return Place(read[2], read[3], sampled=bool(int(read[4], 16) & _SAMPLED))


@contextmanager
def opened(service: str) -> Iterator[Tracer]:
    """Give what traces this process's calls, as the OTEL_* variables say: nothing unless they name an endpoint.

    Raises:
        SystemExit: they ask for a protocol other than gRPC.
    """
    if not _wanted():
        yield NoTracer()
        return
    for name in _PROTOCOLS:
        if os.environ.get(name, "grpc") != "grpc":
            raise SystemExit(f"{name}: only grpc is spoken here")
    from servicekit import otlp  # noqa: PLC0415 a fifth of a second and 10 MB for those alone who trace

    with otlp.opened("" if _named() else service) as tracer:
        yield tracer


def _named() -> bool:
    return bool(os.environ.get("OTEL_SERVICE_NAME")) or "service.name=" in os.environ.get(
        "OTEL_RESOURCE_ATTRIBUTES", ""
    )


def _wanted() -> bool:
    named = any(os.environ.get(name) for name in _ENDPOINTS)
    disabled = os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return named and not disabled and os.environ.get("OTEL_TRACES_EXPORTER", "otlp") == "otlp"
