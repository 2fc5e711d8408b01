"""The stack as a whole: starts, stops and tells how it is."""

import fcntl
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from deploy.local import elsewhere, instructions, observers, parts
from deploy.local.errors import StackError
from deploy.local.parts import Part, StackSettings
from deploy.local.process import Process, wait_until
from deploy.local.record import Record

# The last one started is the first one stopped: nobody loses what it still needs.
START_ORDER = ("redis", "embedder", "search", "gateway", *observers.NAMES)
_START_SECONDS = 120.0
# Over the services' own grace_seconds, so that calls in flight end before anything is killed.
_STOP_SECONDS = 30.0
_SHOWN_LOG_LINES = 20


@dataclass(frozen=True)
class PartStatus:
    """How one process is."""

    name: str
    address: str
    pid: int | None
    ready: bool
    log: Path


class Stack:
    """Redis and the three services over one state folder. What is stored stays there when they stop."""

    def __init__(self, settings: StackSettings) -> None:
        self.settings = settings
        self._processes = {name: Process(name, settings.state) for name in START_ORDER}

    @classmethod
    def found(cls, state: Path) -> "Stack":
        """Return the stack that was started over this folder, to be looked at and stopped."""
        record = Record.read(state)
        return cls(StackSettings(state, record.ports) if record else StackSettings(state))

    @property
    def running(self) -> list[str]:
        """Names of the processes that run."""
        return [name for name, process in self._processes.items() if process.pid]

    def start(self) -> list[str]:
        """Start everything and return once every part is ready.

        Where a part of an earlier start has ended, the others are stopped first; the names of such parts are returned.

        Raises:
            StackError: it runs already, a port is taken, Milvus or Redis is elsewhere and does not answer, or a part
                does not get ready; all is stopped again then.
        """
        with self._locked():
            ended = self._clear_broken()
            self._refuse_second()
            elsewhere.require_listener("Redis", self.settings.redis_url, 6379)
            elsewhere.require_listener("Milvus", self.settings.milvus_uri, 19530)
            try:
                redis, services = self._prepare()
                self._start_parts(redis)
                self._start_parts(services)
            except BaseException:
                self._stop_parts()
                raise
        return ended

    def stop(self) -> list[str]:
        """Stop everything that runs and return the names of those that had to be killed."""
        if not self.settings.state.exists():
            return []
        with self._locked():
            return self._stop_parts()

    def log(self, name: str) -> Path:
        """Return the log of one process."""
        return self._processes[name].log

    def kill(self, name: str) -> None:
        """End one process without warning, as a crash would."""
        self._processes[name].kill()

    def stop_part(self, name: str) -> bool:
        """Stop one process and say whether it ended when asked."""
        return self._processes[name].stop(_STOP_SECONDS)

    def start_part(self, name: str) -> None:
        """Start one process that has ended, and return once it is ready.

        Raises:
            StackError: it does not get ready.
        """
        self._start_parts([part for part in self._started() if part.name == name])

    def status(self) -> list[PartStatus]:
        """Return how every part is; none where the stack was not started."""
        return [self._status(part) for part in self._started()]

    def _prepare(self) -> tuple[list[Part], list[Part]]:
        # A folder of its own: the path of a unix socket has at most 107 bytes, and a checkout may lie deep.
        directory = Path(tempfile.mkdtemp(prefix="likeness-run-"))
        redis, services = parts.redis(self.settings, directory), parts.services(self.settings, directory)
        services += observers.parts(self.settings) if self.settings.observed else []
        names = tuple(part.name for part in [*redis, *services])
        Record(self.settings.ports, names, directory).write(self.settings.state)
        return redis, services

    def _start_parts(self, wanted: Sequence[Part]) -> None:
        for part in wanted:
            self._processes[part.name].start(part.arguments, part.environment)
        for part in wanted:
            self._await(part)

    def _await(self, part: Part) -> None:
        process = self._processes[part.name]
        answered = wait_until(lambda: process.pid is None or part.ready(), _START_SECONDS)
        if not answered or process.pid is None:
            problem = "ended" if answered else f"was not ready within {_START_SECONDS:.0f} s"
            lines = process.last_lines(_SHOWN_LOG_LINES)
            raise StackError("\n".join([f"{part.name} {problem}; the end of {process.log}:", *lines]))

    def _stop_parts(self) -> list[str]:
        killed = [name for name in reversed(START_ORDER) if not self.stop_part(name)]
        if record := Record.read(self.settings.state):
            shutil.rmtree(record.run_directory, ignore_errors=True)
            Record.remove(self.settings.state)
        return killed

    def _clear_broken(self) -> list[str]:
        record = Record.read(self.settings.state)
        ended = [name for name in record.parts if not self._processes[name].pid] if record else []
        broken = bool(ended and self.running)
        if ended:
            self._stop_parts()
        return ended if broken else []

    def _refuse_second(self) -> None:
        if self.running:
            names, command = ", ".join(self.running), instructions.stop_command(self.settings.state)
            raise StackError(f"already running over {self.settings.state}: {names}. Stop it first: {command}")
        if taken := list(self.settings.ports.taken(but=() if self.settings.observed else observers.NAMES)):
            numbers = ", ".join(map(str, taken))
            raise StackError(f"taken by another program on 127.0.0.1: port {numbers}. Stop it, or use --free-ports")

    def _started(self) -> list[Part]:
        record = Record.read(self.settings.state)
        if record is None:
            return []
        every = [
            *parts.redis(self.settings, record.run_directory),
            *parts.services(self.settings, record.run_directory),
            *observers.parts(self.settings),
        ]
        return [part for part in every if part.name in record.parts]

    def _status(self, part: Part) -> PartStatus:
        process = self._processes[part.name]
        address = "unix socket" if part.name == "redis" else self.settings.ports.address(part.name)
        return PartStatus(part.name, address, process.pid, bool(process.pid) and part.ready(), process.log)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with self._lock_file() as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StackError(f"another command is at work on {self.settings.state}") from None
            yield

    def _lock_file(self) -> IO[str]:
        state = self.settings.state
        try:
            state.mkdir(parents=True, exist_ok=True)
            return (state / "lock").open("a")
        except OSError as error:
            raise StackError(f"the state folder {state} cannot be written: {error.strerror}") from None
