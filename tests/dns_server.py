"""A name server that knows one host, whose addresses a test changes."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Self, cast

_HEADER_BYTES = 12
_A, _IN = 1, 1
_ANSWER, _NO_SUCH_NAME = 0x8180, 0x8183


class NameServer(asyncio.DatagramProtocol):
    """Answers every question for IPv4 addresses with what is found, and any other with none; nothing is to be kept."""

    def __init__(self) -> None:
        self.addresses: list[str] = []
        self.address = ""

    @classmethod
    @asynccontextmanager
    async def listening(cls, host: str = "127.0.0.1") -> AsyncIterator[Self]:
        """Serve on a free port while the block runs."""
        transport, server = await asyncio.get_running_loop().create_datagram_endpoint(cls, (host, 0))
        try:
            yield server
        finally:
            transport.close()

    def find(self, name: str) -> list[str] | None:
        """Return the addresses of a host, None if there is no such host: of any, the ones that are set."""
        return self.addresses

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the socket to answer on."""
        self._transport = cast("asyncio.DatagramTransport", transport)
        host, port = transport.get_extra_info("sockname")
        self.address = f"{host}:{port}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Answer one question (RFC 1035, section 4)."""
        end = data.index(b"\0", _HEADER_BYTES) + 5
        question = data[_HEADER_BYTES:end]
        (kind,) = struct.unpack("!H", question[-4:-2])
        found = self.find(_name(question))
        records = [_record(address) for address in found or []] if kind == _A else []
        header = data[:2] + struct.pack(
            "!HHHHH", _ANSWER if found is not None else _NO_SUCH_NAME, 1, len(records), 0, 0
        )
        self._transport.sendto(header + question + b"".join(records), addr)


def _name(question: bytes) -> str:
    labels, rest = [], question
    while length := rest[0]:
        labels.append(rest[1 : 1 + length].decode())
        rest = rest[1 + length :]
    return ".".join(labels).lower()


def _record(address: str) -> bytes:
    # The name is that of the question, 12 bytes into the message; it may be kept for 0 s.
    return struct.pack("!HHHIH", 0xC000 + _HEADER_BYTES, _A, _IN, 0, 4) + socket.inet_aton(address)
