"""The life of a server: answer probes, build, serve, drain, stop."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TypeVar

import grpc
import structlog
from grpc_health.v1 import health_pb2_grpc

from servicekit import hangups, metrics, reflection, security, stopping
from servicekit.admission import Admission
from servicekit.health import Check, Health
from servicekit.interceptors import CallInterceptor
from servicekit.keeping import KeptServer
from servicekit.metrics import Metrics
from servicekit.observer import Observer
from servicekit.security import Security
from servicekit.settings import ServerSettings
from servicekit.tokens import Role
from servicekit.tracing import NoTracer, Tracer

# For what handlers still do after their call was cut off.
_FLUSH_SECONDS = 0.5
_CLEANUP_SECONDS = 5.0
_log = structlog.get_logger()
Settings = TypeVar("Settings", bound=ServerSettings)


@dataclass(frozen=True, slots=True)
class Service:
    """One proto service: its full name, how it is added to a server, and the role that each of its methods needs.

    `admit` raises what every call of the service is refused with, while it is.
    """

    name: str
    register: Callable[[grpc.aio.Server], None]
    roles: Mapping[str, Role] = field(default_factory=dict)
    admit: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class App:
    """What a composition root builds: services, what they need, and parts that can be unusable on their own.

    `parts` says of each such part, by the name that health knows it by, whether it can be used; asked again and again.
    `reload` is awaited when SIGHUP says that what was read from disk may have changed; without it, SIGHUP ends us.
    `draining` is set once new calls are refused: whoever serves a stream ends it then, with what is under way answered.
    `stage` is what a call that runs out of time was waiting for, where its handler does not say anything else.
    """

    services: Sequence[Service]
    checks: Sequence[Check] = ()
    parts: Callable[[], Mapping[str, bool]] = dict
    reload: Callable[[], Awaitable[object]] | None = None
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    stage: str = "queue"
    metrics: Metrics = field(default_factory=Metrics)


@dataclass(frozen=True, slots=True)
class Ports:
    """Where a server listens."""

    service: int
    health: int
    metrics: int


async def run(
    build: Callable[[Settings], AbstractAsyncContextManager[App]],
    settings: Settings,
    *,
    stop: asyncio.Event | None = None,
    tracer: Tracer | None = None,
    started: Callable[[Ports], None] = lambda _: None,
) -> None:
    """Serve what `build` makes until SIGTERM, SIGINT or `stop`; return once every call has ended and all is closed.

    The stop says so first, goes on serving while balancers notice, and then lets the last calls end.

    Args:
        build: Opens everything on entry and closes it, in reverse order, on exit.
        settings: Read once.
        stop: Set by whoever embeds the server; signals are not watched then.
        tracer: Traces the calls; none does unless one is given.
        started: Told the ports once calls are accepted.

    Raises:
        SystemExit: a port is taken, or certificates or tokens cannot be used.
    """
    on_signals = stop is None
    stop = stop or stopping.on_signals()
    health = Health(settings.health_interval_seconds)
    await health.start()
    async with (
        _health_server(health, settings) as probed,
        security.opened(settings) as guard,
        AsyncExitStack() as opened,
    ):
        app = await stopping.unless(stop, opened.enter_async_context(build(settings)))
        if app is None:
            return
        admission = Admission(settings.max_in_flight, settings.max_streams)
        observer = Observer(tracer or NoTracer(), app.metrics)
        observer.follow(admission, health, [check.name for check in app.checks])
        opened.enter_context(app.metrics.files.following(guard.watched))
        async with (
            hangups.followed_by(app.reload if on_signals else None),
            metrics.served(app.metrics, settings.host, settings.metrics_port) as metrics_port,
            _service_server(app, health, admission, guard, observer=observer, settings=settings) as serving,
            _watching(health, app),
        ):
            ports = Ports(serving.port, probed.port, metrics_port)
            _log.info("serving", port=ports.service, health_port=ports.health, metrics_port=ports.metrics)
            started(ports)
            await asyncio.gather(*(kept.until(stop, settings.health_interval_seconds) for kept in (serving, probed)))
            _log.info("draining", seconds=settings.drain_seconds)
            await health.drain()
            await asyncio.sleep(settings.drain_seconds)
            await _stop(serving.server, app, admission, settings)


async def _stop(server: grpc.aio.Server, app: App, admission: Admission, settings: ServerSettings) -> None:
    """Stop without losing a call: refuse new ones, and let the last ones end."""
    stopping_calls = asyncio.create_task(server.stop(settings.grace_seconds))
    # Not before: a caller told to open another stream would open it here again.
    app.draining.set()
    # Not as soon as no call is there: some that came before the stop may only just be on their way to a handler.
    quiet = asyncio.create_task(admission.quiet(_FLUSH_SECONDS))
    await asyncio.wait({stopping_calls, quiet}, return_when=asyncio.FIRST_COMPLETED)
    quiet.cancel()
    # Answers are on their way out. What is open beside them, watches of health, would last for all of the grace. Where
    # that is short, a second stop could meet the end of the first, and gRPC then crashes.
    if settings.grace_seconds > _FLUSH_SECONDS:
        await server.stop(_FLUSH_SECONDS)
    await stopping_calls
    # stop() does not wait for what handlers do after their call was cut off (grpc issue 37239).
    with suppress(TimeoutError):
        await asyncio.wait_for(admission.idle(), _CLEANUP_SECONDS)
    _log.info("stopped")


@asynccontextmanager
async def _watching(health: Health, app: App) -> AsyncIterator[None]:
    names = [service.name for service in app.services]
    watcher = asyncio.create_task(health.watch(names, app.checks, app.parts))
    try:
        yield
    finally:
        watcher.cancel()
        await asyncio.wait({watcher})


def _health_server(health: Health, settings: ServerSettings) -> KeptServer:
    """Health on a port of its own answers even when the service's port is full, or speaks TLS, which probes cannot."""

    async def start(port: int) -> tuple[grpc.aio.Server, int]:
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        health_pb2_grpc.add_HealthServicer_to_server(health.servicer, server)
        port = server.add_insecure_port(f"{settings.host}:{port}")
        await server.start()
        return server, port

    return KeptServer(start, settings.host, settings.health_port)


def _service_server(
    app: App, health: Health, admission: Admission, guard: Security, *, observer: Observer, settings: ServerSettings
) -> KeptServer:
    interceptor = CallInterceptor(
        admission,
        guard.access(app.services),
        observer,
        max_message_bytes=settings.max_message_bytes,
        default_deadline_seconds=settings.default_deadline_seconds,
        stage=app.stage,
        admit={service.name: service.admit for service in app.services},
    )

    async def start(port: int) -> tuple[grpc.aio.Server, int]:
        server = grpc.aio.server(interceptors=[interceptor], options=_options(settings))
        for service in app.services:
            service.register(server)
        health_pb2_grpc.add_HealthServicer_to_server(health.servicer, server)
        if settings.reflects:
            reflection.add_to(server, [service.name for service in app.services])
        port = guard.listen(server, f"{settings.host}:{port}")
        await server.start()
        return server, port

    return KeptServer(start, settings.host, settings.port)


def _options(settings: ServerSettings) -> list[tuple[str, int]]:
    return [
        # A second server on the same port must fail, not take half of the calls.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", settings.transport_message_bytes),
        ("grpc.max_send_message_length", settings.transport_message_bytes),
        # Permits the pings that servicekit.channel sends.
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
        # Without an end to the grace: a stream that is open goes on over the old connection.
        ("grpc.max_connection_age_ms", int(1000 * settings.max_connection_age_seconds)),
    ]
