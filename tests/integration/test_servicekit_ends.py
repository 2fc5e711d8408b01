"""A server that gRPC has ended does not stay about as if it served."""

import asyncio
import struct

import pytest

from servicekit import server
from tests.integration import servicekit_probe as probe
from tests.integration.servicekit_probe import ProbeSettings

_SETTINGS, _HEADERS = 4, 1
_END_HEADERS = 4


def frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    """Return a frame of HTTP/2: RFC 9113, section 4.1."""
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body


def call_of(path: bytes) -> bytes:
    """Return the start of a connection with a call whose path may be any bytes, which no gRPC library sends."""

    def literal(name: bytes, value: bytes) -> bytes:
        return name + bytes([len(value)]) + value

    # RFC 7541, appendix A: 0x83 is POST, 0x86 is http; 4 is path, 1 authority, 31 (0x0f, 0x10) content type.
    headers = b"\x83\x86" + literal(b"\x04", path) + literal(b"\x01", b"x")
    headers += literal(b"\x0f\x10", b"application/grpc") + b"\x00" + b"\x02te" + b"\x08trailers"
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    return preface + frame(_SETTINGS, 0, 0, b"") + frame(_HEADERS, _END_HEADERS, 1, headers)


@pytest.mark.parametrize("path", [b"/\x9c\x99", b"/likeness.v1.ImageSearchService/\xff"])
async def test_a_call_that_grpc_cannot_bear_ends_the_process_and_not_the_port_alone(path: bytes) -> None:
    started: asyncio.Future[server.Ports] = asyncio.get_running_loop().create_future()
    settings = ProbeSettings()
    running = server.run(probe.build_with(probe.Attempts()), settings, stop=asyncio.Event(), started=started.set_result)
    serving = asyncio.create_task(running)
    ports = await started
    _, writer = await asyncio.open_connection("127.0.0.1", ports.service)
    writer.write(call_of(path))
    with pytest.raises(ConnectionRefusedError):
        await asyncio.wait_for(serving, 10)
    writer.close()
