"""Milvus Lite as a child process over one file."""

import fcntl
import importlib.util
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from servicekit.errors import BackendUnavailable

_WAIT_SECONDS = 10.0
_POLL_SECONDS = 0.02
_STOP_SECONDS = 5.0
_SOCKET = "milvus.sock"


class LiteServer:
    """Runs the `milvus` program that the milvus-lite wheel carries, with the arguments of its own launcher.

    Two locks see to it that one process at a time writes the file. The program ends by itself once `.lock`, held by
    this process, is free. `.child.lock` is inherited by the child: after a kill, the next owner waits on it until the
    child of the killed one is gone too.
    """

    def __init__(self, file: Path, directory: Path, inherited: IO[str]) -> None:
        self._file = file
        self._socket = directory / _SOCKET
        self._inherited = inherited
        self._process = self._start()

    @classmethod
    @contextmanager
    def open(cls, file: Path) -> Iterator["LiteServer"]:
        """Start a server over `file`, made if absent, and stop it at the end.

        Raises:
            BackendUnavailable: another server has the file open, or the milvus-lite package is not installed.
        """
        file = file.absolute()
        file.parent.mkdir(parents=True, exist_ok=True)
        with (
            _sibling(file, ".child.lock").open("a") as inherited,
            _sibling(file, ".lock").open("a") as lock,
        ):
            _wait(lambda: _try_lock(inherited), "another process has the Milvus Lite file open")
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with _socket_directory(_sibling(file, ".socket")) as directory:
                server = cls(file, directory, inherited)
                try:
                    yield server
                finally:
                    fcntl.lockf(lock, fcntl.LOCK_UN)
                    server._stop()

    @property
    def uri(self) -> str:
        """Address of the server; the same after a restart."""
        return f"unix:{self._socket}"

    def ensure(self) -> None:
        """Start the program again if it has died."""
        if self._process.poll() is not None:
            self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        self._socket.unlink(missing_ok=True)
        library = _library()
        process = subprocess.Popen(  # noqa: S603 the program and its arguments are ours
            [library / "milvus", self._file, self.uri, "ERROR", _sibling(self._file, ".lock")],
            cwd=self._file.parent,
            # Nothing of ours is handed on; without a HOME the program aborts.
            env={"LD_LIBRARY_PATH": str(library), "HOME": str(self._socket.parent)},
            pass_fds=[self._inherited.fileno()],
        )
        _wait(self._socket.exists, "the Milvus Lite program does not start")
        return process

    def _stop(self) -> None:
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


@contextmanager
def _socket_directory(link: Path) -> Iterator[Path]:
    """Make a folder for the socket, whose path has at most 107 bytes, so that it cannot lie beside every file.

    `link` leads to it: what an owner that was killed left behind is removed by the next one.
    """
    with suppress(OSError):
        left = link.readlink()
        link.unlink()
        (left / _SOCKET).unlink(missing_ok=True)
        left.rmdir()
    with tempfile.TemporaryDirectory(prefix="likeness-") as directory:
        # Where there can be no link, a kill leaves an empty folder.
        with suppress(OSError):
            link.symlink_to(directory)
        try:
            yield Path(directory)
        finally:
            link.unlink(missing_ok=True)


def _library() -> Path:
    # Found, not imported: milvus_lite/__init__.py needs pkg_resources, which setuptools no longer has.
    spec = importlib.util.find_spec("milvus_lite")
    if spec is None or not spec.submodule_search_locations:
        raise BackendUnavailable("the package milvus-lite is not installed")
    return Path(spec.submodule_search_locations[0]) / "lib"


def _sibling(file: Path, suffix: str) -> Path:
    return file.with_name(f".{file.name}{suffix}")


def _wait(done: Callable[[], bool], problem: str) -> None:
    give_up = time.monotonic() + _WAIT_SECONDS
    while not done():
        if time.monotonic() > give_up:
            raise BackendUnavailable(problem)
        time.sleep(_POLL_SECONDS)


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
