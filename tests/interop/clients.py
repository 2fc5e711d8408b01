"""The clients of every language, as processes that carry out commands."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
# How each is run once it is built. A name is that of the folder too.
COMMANDS: Mapping[str, list[str]] = {
    "cpp": ["cpp/build/client"],
    "go": ["go/build/client"],
    "java": ["java", "-cp", "java/build/lib/*:java/build/interop-0.jar", "io.likeness.interop.Client"],
    "ruby": ["ruby", "-I", "ruby/gen", "ruby/client.rb"],
    "rust": ["rust/build/client"],
    "typescript": ["node", "typescript/build/src/client.js"],
}
LANGUAGES = sorted(COMMANDS)
_PATIENCE_SECONDS = 60
_LINE_BYTES = 2**20

Refused = Callable[[], Awaitable[None]]


class Client:
    """One client that runs."""

    def __init__(self, language: str, process: asyncio.subprocess.Process) -> None:
        self.language = language
        self._process = process

    async def perform(self, command: Mapping[str, Any], refused: Refused | None = None) -> dict[str, Any]:
        """Have a command carried out and return what came of it, the first refusal too; `refused` is called on each."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        await self._process.stdin.drain()
        first: dict[str, Any] = {}
        while "refused" in (said := await self._said()):
            first = first or said
            if refused:
                await refused()
        return {**first, **said}

    async def _said(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), _PATIENCE_SECONDS)
        assert line, f"the client in {self.language} has ended"
        said: dict[str, Any] = json.loads(line)
        return said


@asynccontextmanager
async def running(language: str) -> AsyncIterator[Client]:
    """Run a client while the block runs; it ends, without an error, when it is told no more."""
    program, *arguments = COMMANDS[language]
    line = [str(HERE / program) if "/" in program else program, *arguments]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*line, cwd=HERE, stdin=pipe, stdout=pipe, limit=_LINE_BYTES)
    try:
        yield Client(language, process)
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), _PATIENCE_SECONDS) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
