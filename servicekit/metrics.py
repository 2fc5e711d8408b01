"""Prometheus: what every server counts and measures, and the port on which it tells.

A service subclasses `Metrics` in its own `metrics.py` and adds what is its own. Labels have few values: names of
methods, models and parts, codes and reasons; never anything that a caller chose.
"""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from functools import cache
from socketserver import TCPServer, ThreadingMixIn
from time import perf_counter
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    make_wsgi_app,
)
from prometheus_client.core import GaugeMetricFamily, Metric, Sample
from prometheus_client.registry import Collector

from servicekit import listening
from servicekit.errors import ServiceError
from servicekit.followed import Followed

Rows = Callable[[], Iterable[tuple[Sequence[str], float]]]
"""Gives the values of labels, and a value, for each series of a metric."""
# From what a record takes to what a survey of a whole collection may.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 120)
# Reasons are constants of the services' code, of which one service hands on another's. More of them are a fault.
_MOST_REASONS = 64
# Answered at once; further ones are cut off. One that says nothing for so long is let go.
_SCRAPES = 8
_IDLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric, as documentation has it."""

    name: str
    kind: str
    labels: Sequence[str]
    meaning: str


class Metrics:
    """The metrics of a server; each has a registry of its own, so that a process may hold several."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.defined: list[Definition] = []
        self._reasons: set[str] = set()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        rpcs = self.counter("likeness_rpcs", "Calls that ended.", "method", "code")
        self._rpc_errors = self.counter(
            "likeness_rpc_errors", "Calls refused or failed, by the reason told to the caller.", "method", "reason"
        )
        rpc_seconds = self.histogram("likeness_rpc_seconds", "Time from a call's arrival to its end.", "method")
        part_seconds = self.histogram(
            "likeness_part_seconds", "Time that calls of a part take: of Milvus, Redis, another service.", *_PART
        )
        self._part_errors = self.counter(
            "likeness_part_errors", "Calls of a part that raised an error, or were given up.", *_PART, "reason"
        )
        part_calls = self.gauge("likeness_part_calls_in_flight", "Calls of a part under way.", "part")
        self.files = Followed()
        self._tell_files()
        # Looking a series up costs more than counting in it.
        self._rpc_ends, self._rpc_times = cache(rpcs.labels), cache(rpc_seconds.labels)
        self._part_times, self._part_under_way = cache(part_seconds.labels), cache(part_calls.labels)

    def counter(self, name: str, meaning: str, *labels: str) -> Counter:
        """Add a count; Prometheus knows it by its name with `_total` at the end."""
        self._define(f"{name}_total", "counter", labels, meaning)
        return Counter(name, meaning, labels, registry=self.registry)

    def gauge(self, name: str, meaning: str, *labels: str) -> Gauge:
        """Add a value that goes up and down."""
        self._define(name, "gauge", labels, meaning)
        return Gauge(name, meaning, labels, registry=self.registry)

    def histogram(self, name: str, meaning: str, *labels: str, buckets: Sequence[float] = _SECONDS) -> Histogram:
        """Add a distribution, of seconds unless `buckets` say otherwise."""
        self._define(name, "histogram", labels, meaning)
        return Histogram(name, meaning, labels, buckets=buckets, registry=self.registry)

    def follow(self, name: str, meaning: str, value: Callable[[], float]) -> None:
        """Add a value that is looked up whenever it is asked for, on another thread."""
        self.gauge(name, meaning).set_function(value)

    def listing(self, name: str, meaning: str, labels: Sequence[str], rows: Rows) -> None:
        """Add values, each with its labels, that are looked up whenever they are asked for, on another thread."""
        self._define(name, "gauge", labels, meaning)
        self.registry.register(_Listing(name, meaning, labels, rows))

    def rpc(self, method: str, code: str, reason: str, seconds: float) -> None:
        """Count a call that ended; `reason` is empty for one that succeeded."""
        self._rpc_ends(method, code).inc()
        self._rpc_times(method).observe(seconds)
        if reason:
            self._rpc_errors.labels(method, self._known(reason)).inc()

    @contextmanager
    def call(self, part: str, operation: str) -> Iterator[None]:
        """See servicekit.observed.Calls."""
        under_way, times = self._part_under_way(part), self._part_times(part, operation)
        under_way.inc()
        began = perf_counter()
        try:
            yield
        except BaseException as error:
            self._part_errors.labels(part, operation, self._known(_reason(error))).inc()
            raise
        finally:
            times.observe(perf_counter() - began)
            under_way.dec()

    def _tell_files(self) -> None:
        self.listing(
            "likeness_files_refused",
            "1 while certificates or tokens on disk are no good, and those before them stay in use.",
            ("files",),
            self.files.refused,
        )
        self.listing(
            "likeness_certificate_expires_seconds",
            "Time for which a certificate in use still counts, where TLS is on.",
            ("files",),
            self.files.expire,
        )

    def _known(self, reason: str) -> str:
        if reason not in self._reasons and len(self._reasons) < _MOST_REASONS:
            self._reasons.add(reason)
        return reason if reason in self._reasons else "OTHER"

    def _define(self, name: str, kind: str, labels: Sequence[str], meaning: str) -> None:
        self.defined.append(Definition(name, kind, labels, meaning))


class _Listing(Collector):
    def __init__(self, name: str, meaning: str, labels: Sequence[str], rows: Rows) -> None:
        self._kind = (name, meaning, labels)
        self._rows = rows

    def describe(self) -> Iterable[Metric]:
        name, meaning, labels = self._kind
        return [GaugeMetricFamily(name, meaning, labels=labels)]

    def collect(self) -> Iterable[Metric]:
        for family in self.describe():
            for row, value in self._rows():
                family.samples.append(Sample(family.name, dict(zip(self._kind[2], row, strict=True)), value))
            yield family


_PART = ("part", "operation")


def _reason(error: BaseException) -> str:
    """Return the reason of an error of ours, CANCELLED for a call that was given up, and INTERNAL for all else."""
    if isinstance(error, ServiceError):
        return error.code_reason
    return "CANCELLED" if isinstance(error, asyncio.CancelledError | GeneratorExit) else "INTERNAL"


class _Handler(WSGIRequestHandler):
    timeout = _IDLE_SECONDS

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 the name that it has in the library
        """Say nothing of scrapes."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    timeout = 0

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._places = threading.BoundedSemaphore(_SCRAPES)

    def server_bind(self) -> None:
        """Listen, without asking a name server what this machine is called, as the library does."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Begin to answer on a thread, if there is one to be had."""
        if self._places.acquire(blocking=False):
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer, on a thread."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._places.release()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of scrapers that go half-way."""


class _Server6(_Server):
    address_family = socket.AF_INET6


@asynccontextmanager
async def served(metrics: Metrics, host: str, port: int) -> AsyncIterator[int]:
    """Tell the metrics to whoever asks, in plain HTTP, and give the port; scrapes run on threads of their own.

    Raises:
        SystemExit: the port is taken.
    """
    kind = _Server6 if ":" in host else _Server
    with listening.opening(host, port):
        server = make_server(host.strip("[]"), port, make_wsgi_app(metrics.registry), kind, _Handler)
    loop = asyncio.get_running_loop()
    loop.add_reader(server.fileno(), server.handle_request)
    try:
        yield server.server_port
    finally:
        loop.remove_reader(server.fileno())
        server.server_close()
