"""A place where all can be killed: a private Redis and a search service over Milvus Lite, run as `make up` does."""

import os
import signal
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from deploy.local import parts
from deploy.local.parts import Part, StackSettings
from deploy.local.ports import Ports
from deploy.local.process import Process, wait_until
from tests.servers import lite_processes

PATIENCE_SECONDS = 20.0
# Short, so that what is left behind is swept while a test waits. A write may take a second, so one that is twice as old
# is dead.
HASTE = {
    "LIKENESS_SEARCH_WRITE_TIMEOUT_SECONDS": "1",
    "LIKENESS_SEARCH_WRITE_HORIZON_SECONDS": "2.1",
    "LIKENESS_SEARCH_SWEEP_INTERVAL_SECONDS": "0.2",
    "LIKENESS_SEARCH_SWEEP_RETENTION_SECONDS": "0.5",
    "LIKENESS_SEARCH_HEALTH_INTERVAL_SECONDS": "0.1",
    "LIKENESS_SEARCH_LOG_LEVEL": "WARNING",
}


class Site:
    """Processes named redis, search and lite, each killed on its own. Data stays; lite is a child of search."""

    def __init__(
        self, state: Path, run_directory: Path, *, milvus_uri: str | None = None, redis_url: str | None = None
    ) -> None:
        self._stack = StackSettings(state, Ports.free(), (), milvus_uri, redis_url, HASTE)
        self._run_directory = run_directory
        self._processes = {name: Process(name, state) for name in ("redis", "search")}

    @property
    def address(self) -> str:
        """Where the search service answers."""
        return self._stack.ports.address("search")

    @property
    def redis_url(self) -> str:
        """Address of the Redis."""
        return self._stack.redis_url or f"unix://{self._run_directory / 'redis.sock'}"

    @property
    def milvus_uri(self) -> str:
        """Address of the Milvus: of the Lite that runs now, or of the server."""
        if self._stack.milvus_uri:
            return self._stack.milvus_uri
        (pid,) = self._lite()
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[2]

    def start(self, name: str, failpoints: str = "", **settings: str) -> None:
        """Start a process that has ended, with faults for the search service, and return once it is ready."""
        self.launch(name, failpoints, **settings)
        self.ready(name)

    def launch(self, name: str, failpoints: str = "", **settings: str) -> None:
        """Start a process that has ended."""
        part = self._part(name, {"FAULT_INJECTION": "true", "FAILPOINTS": failpoints, **settings})
        self._processes[name].start(part.arguments, part.environment)

    def ready(self, name: str) -> None:
        """Return once a process says that it is ready."""
        part, process = self._part(name, {}), self._processes[name]
        ready = wait_until(lambda: process.pid is None or part.ready(), PATIENCE_SECONDS)
        assert ready, "\n".join([f"{name} does not get ready", *process.last_lines(20)])
        assert process.pid, "\n".join([f"{name} has ended", *process.last_lines(20)])

    def revive(self, names: Sequence[str]) -> None:
        """Start processes that have ended, in this order, and return once all are ready."""
        for name in names:
            if name != "lite":
                self.launch(name)
        for name in self._processes:
            self.ready(name)

    def kill(self, name: str) -> None:
        """kill -9."""
        if name == "lite":
            self._signal(name, signal.SIGKILL)
        else:
            self._processes[name].kill()

    def pause(self, name: str) -> None:
        """Stop a process where it stands."""
        self._signal(name, signal.SIGSTOP)

    def go_on(self, name: str) -> None:
        """Let a process that is stopped go on."""
        self._signal(name, signal.SIGCONT)

    def await_death(self, name: str) -> None:
        """Return once a process has died of itself."""
        assert wait_until(lambda: not self.runs(name), PATIENCE_SECONDS), f"{name} did not die"

    def await_stop(self, name: str) -> None:
        """Return once a process has stopped itself."""
        assert wait_until(lambda: self._state(name) == "T", PATIENCE_SECONDS), f"{name} did not stop"

    def runs(self, name: str) -> bool:
        """Return whether a process is alive."""
        return self._processes[name].pid is not None

    def errors(self) -> list[str]:
        """Return what the search service has logged as an error since its last start."""
        return [line for line in self._processes["search"].last_lines(10_000) if '"level": "error"' in line]

    def stop(self) -> None:
        """End everything."""
        for process in self._processes.values():
            process.kill()

    def _part(self, name: str, settings: Mapping[str, str]) -> Part:
        own = {f"LIKENESS_SEARCH_{key}": value for key, value in settings.items()}
        stack = replace(self._stack, environment={**self._stack.environment, **own})
        every = [*parts.redis(stack, self._run_directory), *parts.services(stack, self._run_directory)]
        return next(part for part in every if part.name == name)

    def _signal(self, name: str, number: signal.Signals) -> None:
        for pid in self._lite() if name == "lite" else [self._pid(name)]:
            os.kill(pid, number)

    def _lite(self) -> list[int]:
        return lite_processes(self._stack.state / "milvus" / "likeness.db")

    def _pid(self, name: str) -> int:
        pid = self._processes[name].pid
        assert pid is not None, f"{name} does not run"
        return pid

    def _state(self, name: str) -> str:
        return Path(f"/proc/{self._pid(name)}/stat").read_text().rpartition(")")[2].split()[0]


@contextmanager
def site(directory: Path) -> Iterator[Site]:
    """Run a Redis and a search service until the block ends."""
    with ExitStack() as stack:
        run_directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="likeness-run-"))
        made = Site(directory, Path(run_directory))
        stack.callback(made.stop)
        made.start("redis")
        made.start("search")
        yield made
