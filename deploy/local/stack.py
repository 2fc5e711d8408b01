"""The stack as a whole: starts, stops and tells how it is."""

import fcntl
import json
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.local import parts
from deploy.local.errors import StackError
from deploy.local.parts import Part, StackSettings
from deploy.local.ports import Ports
from deploy.local.process import Process, wait_until

# The last one started is the first one stopped: nobody loses what it still needs.
START_ORDER = ("redis", "embedder", "search", "gateway")
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
        self._record = settings.state / "stack.json"
        self._processes = {name: Process(name, settings.state) for name in START_ORDER}

    @classmethod
    def found(cls, state: Path) -> "Stack":
        """Return the stack that was started over this folder, if one was; it can be stopped and looked at."""
        record = state / "stack.json"
        ports = Ports(**json.loads(record.read_text())["ports"]) if record.exists() else Ports()
        return cls(StackSettings(state, ports))

    @property
    def running(self) -> list[str]:
        """Names of the processes that run."""
        return [name for name, process in self._processes.items() if process.pid]

    def start(self) -> None:
        """Start everything and return once every part is ready.

        Raises:
            StackError: it runs already, a port is taken, or a part does not get ready; all is stopped again then.
        """
        with self._locked():
            self._refuse_second()
            self._write_record(Path(tempfile.mkdtemp(prefix="likeness-")))
            try:
                self._start_parts(parts.redis(self.settings, self._run_directory()))
                self._start_parts(parts.services(self.settings, self._run_directory()))
            except BaseException:
                self._stop_parts()
                raise

    def stop(self) -> list[str]:
        """Stop everything that runs and return the names of those that had to be killed."""
        with self._locked():
            return self._stop_parts()

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
        self._start_parts([part for part in self._parts() if part.name == name])

    def status(self) -> list[PartStatus]:
        """Return how every part is."""
        return [self._status(part) for part in self._parts()] if self._record.exists() else []

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
        if self._record.exists():
            shutil.rmtree(self._run_directory(), ignore_errors=True)
            self._record.unlink()
        return killed

    def _refuse_second(self) -> None:
        if self.running:
            names = ", ".join(self.running)
            raise StackError(f"already running over {self.settings.state}: {names}. Stop it first: make down")
        if taken := list(self.settings.ports.taken()):
            numbers = ", ".join(map(str, taken))
            raise StackError(f"another program listens on 127.0.0.1, port {numbers}; stop it, or use --free-ports")

    def _parts(self) -> list[Part]:
        directory = self._run_directory()
        return [*parts.redis(self.settings, directory), *parts.services(self.settings, directory)]

    def _status(self, part: Part) -> PartStatus:
        process = self._processes[part.name]
        address = self.settings.ports.address(part.name) if part.name != "redis" else "unix socket"
        return PartStatus(part.name, address, process.pid, bool(process.pid) and part.ready(), process.log)

    def _run_directory(self) -> Path:
        return Path(json.loads(self._record.read_text())["run_directory"])

    def _write_record(self, run_directory: Path) -> None:
        # A folder of its own: the path of a unix socket has at most 107 bytes, and a checkout may lie deep.
        record = {"ports": asdict(self.settings.ports), "run_directory": str(run_directory)}
        self._record.write_text(json.dumps(record))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.settings.state.mkdir(parents=True, exist_ok=True)
        with (self.settings.state / "lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StackError(f"another command is at work on {self.settings.state}") from None
            yield
