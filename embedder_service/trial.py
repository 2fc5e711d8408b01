"""A process of its own to load a model in for the first time: what hangs, crashes or eats memory there ends with it."""

import math
import resource
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

from embedder_service import model_folder
from embedder_service.model_card import ModelCard
from embedder_service.ports import ModelUnusable

TryNetwork = Callable[[ModelCard, bytes], None]
_CHOSEN_FIRST = "1000"


class Trial:
    """Loads folders in processes of their own.

    Args:
        try_network: Loads and runs one there; a function at the top of a module, which the process imports.
        seconds: Time that this may take.
        memory_bytes: Address space that it may take beyond what an idle process has.
    """

    def __init__(self, try_network: TryNetwork, seconds: float, memory_bytes: int) -> None:
        self._try_network = try_network
        self._seconds = seconds
        self._memory_bytes = memory_bytes

    def __call__(self, folder: Path) -> None:
        """Load `folder` and run it once, and wait for that.

        Raises:
            ModelUnusable: it cannot be loaded or run, or not in that time and memory.
        """
        processes = get_context("forkserver")
        ours, theirs = processes.Pipe(duplex=False)
        process = processes.Process(
            target=_child, args=(theirs, folder, self._try_network, self._seconds, self._memory_bytes), daemon=True
        )
        with ours:
            process.start()
            theirs.close()
            try:
                problem = self._answer(ours)
            finally:
                process.kill()
                process.join()
        if problem:
            raise ModelUnusable(problem)

    def _answer(self, connection: Connection) -> str:
        if not connection.poll(self._seconds):
            return f"its trial run did not end within {self._seconds:g} seconds"
        try:
            # Bytes, never objects: what a hostile network has taken over could send any.
            return connection.recv_bytes().decode(errors="replace")
        except EOFError:
            return "its trial run brought the process down"


def _child(connection: Connection, folder: Path, try_network: TryNetwork, seconds: float, memory_bytes: int) -> None:
    _limit(seconds, memory_bytes)
    try:
        files = model_folder.read(folder)
        try_network(files.card, files.content)
    except ModelUnusable as problem:
        connection.send_bytes(str(problem).encode())
    except MemoryError:
        connection.send_bytes(f"its trial run took over {memory_bytes:,} bytes of memory".encode())
    else:
        connection.send_bytes(b"")


def _limit(seconds: float, memory_bytes: int) -> None:
    """Bound this process, and have the kernel end it before any other where memory runs out all the same.

    The time is for a server that was killed itself: nobody would end this process then.
    """
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + memory_bytes
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(2 * seconds), math.ceil(2 * seconds)))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_CHOSEN_FIRST)
