"""What is noted of every call that is served: a span, a count, a time; and the state of the server."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic

from servicekit import spans, tracing
from servicekit.admission import Admission
from servicekit.health import Health
from servicekit.metrics import Metrics
from servicekit.tracing import Tracer

# A caller may ask for any method: those that there are not are one.
_UNKNOWN = "unknown"


@dataclass(slots=True)
class Ending:
    """How a call ended: a gRPC code, and the reason if it is an error."""

    code: str = "CANCELLED"
    reason: str = ""


class Observer:
    """Notes calls."""

    def __init__(self, tracer: Tracer, metrics: Metrics) -> None:
        self._tracer = tracer
        self._metrics = metrics

    @contextmanager
    def call(self, method: str, metadata: Mapping[str, str | bytes], *, exists: bool) -> Iterator[Ending]:
        """Note a call while the block serves it, which says how it ended."""
        name = method.removeprefix("/") if exists else _UNKNOWN
        began, ending = monotonic(), Ending()
        span = self._tracer.call(name, tracing.place(metadata))
        try:
            with spans.within(span):
                yield ending
        finally:
            span.ended(ending.code, ending.reason)
            self._metrics.rpc(name, ending.code, ending.reason, monotonic() - began)

    def follow(self, admission: Admission, health: Health, checks: Sequence[str]) -> None:
        """Show how full and how ready the server is, and which of its `checks` fail."""
        follow = self._metrics.follow
        follow("likeness_ready", "1 while the server is ready for calls.", lambda: health.serving)
        follow("likeness_rpcs_in_flight", "Calls being served, streams among them.", lambda: admission.in_flight)
        follow("likeness_streams_in_flight", "Streams being served.", lambda: admission.streams)
        follow("likeness_rpcs_limit", "Calls that are served at once; more are refused.", lambda: admission.limit)
        failing = self._metrics.gauge("likeness_check_failing", "1 while a part that readiness needs fails.", "check")
        for check in checks:
            failing.labels(check).set_function(partial(health.fails, check))
