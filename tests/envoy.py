"""Envoy with the configuration of deploy/http, on loopback."""

import asyncio
import http.client
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

_STARTED = b"starting main dispatch loop"
_SECONDS = 60


@dataclass(frozen=True)
class Answer:
    """What came back: the status, and the JSON; or the text, where it is the proxy's own."""

    status: int
    body: Any


@dataclass(frozen=True)
class Http:
    """A caller over HTTP/1.1."""

    port: int

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send a body as JSON and return the answer."""
        return await asyncio.to_thread(self._call, method, path, body, headers)

    def _call(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=_SECONDS)
        try:
            content = None if body is None else json.dumps(body)
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, content, {"content-type": "application/json", **named})
            response = connection.getresponse()
            text = response.read().decode()
            is_json = response.getheader("content-type") == "application/json"
            return Answer(response.status, json.loads(text) if is_json else text)
        finally:
            connection.close()


@asynccontextmanager
async def envoy_to(address: str, root: Path, directory: Path) -> AsyncIterator[Http]:
    """Run Envoy in front of a gateway, as shipped: only addresses and the place of the descriptors differ."""
    program = root / ".tools" / "envoy" / "bin" / "envoy"
    if not program.exists():
        pytest.fail("Envoy is not installed; run: tests/install.sh envoy")
    port, file = _free_port(), directory / "envoy.yaml"
    file.write_text(_configured((root / "deploy" / "http" / "envoy.yaml").read_text(), address, port, root))
    options = ["--config-path", str(file), "--disable-hot-restart", "--concurrency", "1"]
    process = await asyncio.create_subprocess_exec(program, *options, stderr=asyncio.subprocess.PIPE)
    try:
        await asyncio.wait_for(_started(process), _SECONDS)
        yield Http(port)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def _started(process: asyncio.subprocess.Process) -> None:
    assert process.stderr is not None
    said = b""
    while _STARTED not in said:
        line = await process.stderr.readline()
        assert line, said.decode()
        said += line


def _configured(text: str, address: str, port: int, root: Path) -> str:
    host, _, upstream = address.rpartition(":")
    changes = {
        "address: 0.0.0.0, port_value: 8080": f"address: 127.0.0.1, port_value: {port}",
        "address: gateway, port_value: 50050": f"address: {host}, port_value: {upstream}",
        "/etc/envoy/likeness.binpb": str(root / "protos" / "likeness.binpb"),
    }
    for shipped, here in changes.items():
        assert shipped in text
        text = text.replace(shipped, here)
    return text


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
