"""`grpcurl` and `buf curl`, which know of a server what its reflection says and nothing else."""

import asyncio
import json
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Shell:
    """One of the two: where it is, and how it is told to list services and to call a method."""

    program: Path
    listing: Callable[[str], Sequence[str]]
    calling: Callable[[str, str], Sequence[str]]

    async def services(self, address: str) -> set[str]:
        """Return the services that a server names."""
        return set((await self.run(self.listing(address))).split())

    async def call(self, address: str, method: str, *messages: Any) -> list[Any]:
        """Call a method, such as a.v1.Service/Method, and return its answers."""
        said = await self.run(self.calling(address, method), "\n".join(map(json.dumps, messages)))
        return _documents(said)

    async def run(self, arguments: Sequence[str], said: str = "") -> str:
        """Run the program, and return what it printed."""
        command = [str(self.program), *arguments]
        run = partial(subprocess.run, command, input=said, capture_output=True, text=True, timeout=60, check=False)
        done = await asyncio.to_thread(run)
        assert done.returncode == 0, f"{arguments}: {done.stderr}{done.stdout}"
        return str(done.stdout)


def grpcurl(root: Path) -> Shell:
    """Return grpcurl, as the tests install it."""
    return Shell(
        root / ".tools" / "go" / "bin" / "grpcurl",
        lambda address: ["-plaintext", address, "list"],
        lambda address, method: ["-plaintext", "-d", "@", address, method],
    )


def buf_curl(root: Path) -> Shell:
    """Return `buf curl`."""
    common = ["curl", "--http2-prior-knowledge", "--protocol", "grpc"]
    return Shell(
        root / ".tools" / "node_modules" / ".bin" / "buf",
        lambda address: [*common, "--list-services", f"http://{address}"],
        lambda address, method: [*common, "--data", "@-", f"http://{address}/{method}"],
    )


def _documents(text: str) -> list[Any]:
    """Return the JSON documents that stand one after another."""
    decoder, found, at = json.JSONDecoder(), [], 0
    text = text.strip()
    while at < len(text):
        document, end = decoder.raw_decode(text, at)
        found.append(document)
        at = end + len(text[end:]) - len(text[end:].lstrip())
    return found
