"""A decoder that some pictures have taken over: what their bytes say, it tries."""

import ctypes
import os
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from embedder_service import decoder
from embedder_service.geometry import Geometry
from embedder_service.images import PillowReader
from embedder_service.pictures import UNDECODABLE, Picture, Refused

LIBC = ctypes.CDLL(None)
ANSWER = b'{"kind": "undecodable", "problem": "said", "figures": {}}'


def crash() -> None:
    """Reads where nothing is, as a broken library would."""
    ctypes.string_at(0)


def spin() -> None:
    """Never ends."""
    while True:
        pass


def say(*messages: bytes) -> None:
    """Sends to the service, over whichever descriptor leads there."""
    for message in messages:
        for number in range(3, 16):
            LIBC.send(number, message, len(message), 0)


def flood() -> None:
    """Answers without end."""
    while True:
        say(ANSWER)


def grow() -> None:
    """Takes all the memory there is."""
    hoard = []
    while True:
        hoard.append(bytearray(2**24))


DEEDS: dict[bytes, Callable[[], object]] = {
    b"crash": crash,
    b"spin": spin,
    b"grow": grow,
    b"silence": lambda: say(ANSWER, b""),
    b"chatter": lambda: say(ANSWER, ANSWER),
    b"flood": flood,
    b"open": lambda: os.open("/etc/passwd", os.O_RDONLY),
    b"create": lambda: os.open("/tmp/created", os.O_CREAT | os.O_WRONLY),
    b"list": lambda: list(Path("/").iterdir()),
    b"connect": socket.socket,
    b"fork": os.fork,
    b"run": lambda: os.execv("/bin/true", ["true"]),
    b"kill": lambda: os.kill(os.getppid(), 0),
    b"write": lambda: os.write(2, b"written"),
    b"environment": lambda: Refused(UNDECODABLE, repr(sorted(os.environ))),
}
MARK = b"do:"


def main() -> None:
    """Serve as the real decoder does."""
    reader = PillowReader(decoder.ordered(sys.argv[1]).limits)

    def read(content: bytes, geometries: Sequence[Geometry]) -> Picture:
        if not content.startswith(MARK):
            return reader.read(content, geometries)
        try:
            done = DEEDS[content.removeprefix(MARK)]()
        except OSError as refused:
            raise Refused(UNDECODABLE, type(refused).__name__) from None
        raise done if isinstance(done, Refused) else Refused(UNDECODABLE, "done")

    decoder.main(read)


if __name__ == "__main__":
    main()
