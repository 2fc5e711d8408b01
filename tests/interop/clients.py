"""The clients of every language, as processes that carry out commands."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
# How a program of each language is run once it is built: in every one there is a client and a search.
_COMMANDS: Mapping[str, list[str]] = {
    "cpp": ["{here}/cpp/build/{program}"],
    "go": ["{here}/go/build/{program}"],
    "java": ["java", "-cp", "{here}/java/build/lib/*:{here}/java/build/interop-0.jar", "io.likeness.interop.{name}"],
    "ruby": ["ruby", "-I", "{here}/ruby/gen", "{here}/ruby/{program}.rb"],
    "rust": ["{here}/rust/build/{program}"],
    "typescript": ["node", "{here}/typescript/build/src/{program}.js"],
}
LANGUAGES = sorted(_COMMANDS)
_PATIENCE_SECONDS = 60
_LINE_BYTES = 2**20
# What a client says before a command is done with.
_MEANWHILE = {"refused", "answered"}

Heard = Callable[[], Awaitable[None]]


def command(language: str, program: str) -> list[str]:
    """Return the words that run a program of a language."""
    names = {"here": HERE, "program": program, "name": program.capitalize()}
    return [word.format(**names) for word in _COMMANDS[language]]


class Client:
    """One client that runs."""

    def __init__(self, language: str, process: asyncio.subprocess.Process) -> None:
        self.language = language
        self._process = process

    async def perform(self, wanted: Mapping[str, Any], heard: Heard | None = None) -> dict[str, Any]:
        """Have a command carried out and return what came of it.

        The first refusal, and the first answer of a stream that stays open, are there too; `heard` is called on each.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(wanted).encode() + b"\n")
        await self._process.stdin.drain()
        first: dict[str, Any] = {}
        while (said := await self._said()).keys() <= _MEANWHILE:
            first = first or said
            if heard:
                await heard()
        return {**first, **said}

    async def _said(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), _PATIENCE_SECONDS)
        assert line, f"the client in {self.language} has ended"
        said: dict[str, Any] = json.loads(line)
        return said


def require_built(language: str) -> None:
    """Skip the test where a language was left out; not in CI, which leaves none out."""
    paths = [path for word in command(language, "client") for path in word.split(":") if path.startswith(str(HERE))]
    if not all(Path(path.removesuffix("*")).exists() for path in paths) and "CI" not in os.environ:
        pytest.skip(f"{language} is not built; `make test-interop` says what is missing")


@asynccontextmanager
async def running(language: str) -> AsyncIterator[Client]:
    """Run a client while the block runs; it ends, without an error, when it is told no more."""
    require_built(language)
    pipe = asyncio.subprocess.PIPE
    line = command(language, "client")
    process = await asyncio.create_subprocess_exec(*line, stdin=pipe, stdout=pipe, limit=_LINE_BYTES)
    try:
        yield Client(language, process)
        assert process.stdin is not None
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), _PATIENCE_SECONDS) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
