"""`python -m embedder_service` as a process of the tests, configured by its environment alone."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from tests.conftest import ROOT

_START_SECONDS = 60
_VARIABLES = {"PORT": "0", "HEALTH_PORT": "0", "METRICS_PORT": "0", "DRAIN_SECONDS": "0"}


@asynccontextmanager
async def embedder_process(**variables: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run an embedder on free ports until the block ends; its settings are named as in the environment, unprefixed."""
    given = {f"LIKENESS_EMBEDDER_{name}": value for name, value in (_VARIABLES | variables).items()}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "embedder_service", cwd=ROOT, env=os.environ | given, stderr=asyncio.subprocess.PIPE
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def until_serving(process: asyncio.subprocess.Process) -> dict[str, dict[str, Any]]:
    """Return the lines of the log up to the one that names the ports, by event."""
    return {line["event"]: line for line in await lines_until_serving(process)}


async def lines_until_serving(process: asyncio.subprocess.Process) -> list[dict[str, Any]]:
    """Return the lines of the log up to the one that names the ports."""
    assert process.stderr is not None
    lines: list[dict[str, Any]] = []
    async with asyncio.timeout(_START_SECONDS):
        while not lines or lines[-1]["event"] != "serving":
            lines.append(json.loads(await process.stderr.readline()))
    return lines
