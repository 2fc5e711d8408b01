"""Files under allowed folders, whatever links stand in the way."""

import asyncio
import os
import stat
from collections.abc import Sequence
from concurrent.futures import Executor
from pathlib import Path

from embedder_service.ports import FileReader, too_large, unreadable
from embedder_service.uris import not_allowed

# A pipe must not hold the thread, and nothing may become its terminal.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


class FolderReader(FileReader):
    """Reads files in the threads of `executor`."""

    def __init__(self, executor: Executor, folders: Sequence[str], max_bytes: int) -> None:
        self._executor = executor
        self._folders = [Path(os.path.realpath(folder)) for folder in folders]
        self._max_bytes = max_bytes

    async def read(self, path: str) -> bytes:
        """See FileReader."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._read, path)

    def _read(self, path: str) -> bytes:
        try:
            real = os.path.realpath(path, strict=True)
            self._require_inside(real)
            with os.fdopen(os.open(real, _FLAGS), "rb") as file:
                # Which file it is now: a folder on the way may have become a link since it was looked at.
                self._require_inside(str(Path(f"/proc/self/fd/{file.fileno()}").readlink()))
                if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                    raise unreadable("is no file")
                content = file.read(self._max_bytes + 1)
        except (OSError, ValueError):
            raise unreadable("cannot be read") from None
        if len(content) > self._max_bytes:
            raise too_large(self._max_bytes)
        return content

    def _require_inside(self, real: str) -> None:
        if not any(Path(real).is_relative_to(folder) for folder in self._folders):
            raise not_allowed()
