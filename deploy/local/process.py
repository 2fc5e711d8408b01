"""One process of the stack: started on its own, found again by its pid file, stopped for certain."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

_POLL_SECONDS = 0.02
_KILL_SECONDS = 10.0


class Process:
    """A program whose pid and log are kept in the state folder, so that a later command can find and stop it."""

    def __init__(self, name: str, state: Path) -> None:
        self.name = name
        self.log = state / "logs" / f"{name}.log"
        self._directory = state
        self._pid_file = state / "pids" / f"{name}.pid"
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run a program with exactly this environment; it outlives this process and its terminal."""
        for file in (self.log, self._pid_file):
            file.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists():
            # One earlier log is kept: it may tell why the process had to be started again.
            self.log.replace(self.log.with_suffix(".log.1"))
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(  # noqa: S603 the program and its arguments are ours
                arguments,
                cwd=self._directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._pid_file.write_text(f"{self._child.pid} {_started_at(self._child.pid)}\n")

    @property
    def pid(self) -> int | None:
        """Id of the process; None where it has ended, even if its id belongs to another program by now."""
        if self._child is not None:
            # Collects a child that has ended, which would stay in the process table otherwise.
            return self._child.pid if self._child.poll() is None else None
        try:
            pid, started_at = self._pid_file.read_text().split()
        except (FileNotFoundError, ValueError):
            return None
        return int(pid) if _started_at(int(pid)) == started_at else None

    def stop(self, patience_seconds: float) -> bool:
        """Ask the process to end, kill it and its children if it does not, and say whether it ended when asked."""
        self._signal(signal.SIGTERM)
        ended = wait_until(lambda: self.pid is None, patience_seconds)
        if not ended:
            self._kill_group()
        self._pid_file.unlink(missing_ok=True)
        return ended

    def kill(self) -> None:
        """End the process as a crash would: at once, and without its children."""
        self._signal(signal.SIGKILL)
        wait_until(lambda: self.pid is None, _KILL_SECONDS)

    def last_lines(self, count: int) -> list[str]:
        """Return the end of the log."""
        return self.log.read_text(errors="replace").splitlines()[-count:] if self.log.exists() else []

    def _signal(self, number: signal.Signals) -> None:
        if pid := self.pid:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _kill_group(self) -> None:
        if pid := self.pid:
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            wait_until(lambda: self.pid is None, _KILL_SECONDS)


def wait_until(done: Callable[[], bool], patience_seconds: float) -> bool:
    """Return whether `done` came true in time; polls, since another process is waited for."""
    give_up = time.monotonic() + patience_seconds
    while not done():
        if time.monotonic() > give_up:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def _started_at(pid: int) -> str | None:
    # Together with the pid this names a process for good. proc_pid_stat(5): after the name, in brackets, come the
    # state and, 19 fields on, the start in clock ticks since the machine started. Z and X have ended.
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else fields[19]
