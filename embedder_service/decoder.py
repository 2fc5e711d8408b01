"""A decoder's process: starts before it is needed, and forks one that is confined for each worker asked for.

It is a fresh interpreter without gRPC, threads or environment, so that its forks are safe, quick and know no secret.
"""

import json
import mmap
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from embedder_service import confinement
from embedder_service.geometry import Geometry
from embedder_service.images import PillowReader
from embedder_service.pictures import Limits, Picture, Refused

MAX_MESSAGE_BYTES = 64 * 1024
_FORK_BYTES = 16
# A fork, the connection and the memory, beside the three that every process has.
_MAX_FILES = 16
Read = Callable[[bytes, Sequence[Geometry]], Picture]


@dataclass(frozen=True, slots=True)
class Orders:
    """What a decoder is told at its start."""

    control: int
    """Descriptor of the socket over which workers are asked for."""
    memory_bytes: int
    """Address space of a worker."""
    limits: Limits
    extra_formats: Sequence[str]


def serve_forks(orders: Orders, read: Read) -> None:
    """Fork a worker for each pair of descriptors that comes: its connection, and the memory that it shares."""
    confinement.die_first()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to all; the service ends us
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the dead
    with socket.socket(fileno=orders.control) as control:
        while True:
            message, descriptors, _, _ = socket.recv_fds(control, _FORK_BYTES, 2)
            if not message:
                return
            child = os.fork()
            if not child:
                control.close()
                _work(descriptors, orders.memory_bytes, read)
            for descriptor in descriptors:
                os.close(descriptor)
            control.send(str(child).encode())


def _work(descriptors: Sequence[int], memory_bytes: int, read: Read) -> None:
    connection, memory = descriptors
    try:
        with socket.socket(fileno=connection) as channel:
            in_force = confinement.confine(memory_bytes, _MAX_FILES)
            channel.send(json.dumps(in_force).encode())
            _answer(channel, memory, read)
    finally:
        os._exit(0)  # nothing of the process that this is a fork of may run


def _answer(channel: socket.socket, memory: int, read: Read) -> None:
    """Read one picture after the other: bytes are at the start of the memory, pixels go behind them."""
    shared: mmap.mmap | None = None
    while request := channel.recv(MAX_MESSAGE_BYTES):
        asked = json.loads(request)
        if shared is None or len(shared) != asked["memory_bytes"]:
            shared = mmap.mmap(memory, asked["memory_bytes"])
        channel.send(json.dumps(_read(shared, asked, read)).encode())


def _read(shared: mmap.mmap, asked: dict[str, object], read: Read) -> dict[str, object]:
    size = int(str(asked["content_bytes"]))
    geometries = [Geometry(*fields) for fields in asked["geometries"]]  # type: ignore[attr-defined]
    try:
        picture = read(shared[:size], geometries)
        for pixels in picture.pixels:
            shared[size : size + len(pixels)] = pixels
            size += len(pixels)
    except Refused as refused:
        return {"kind": refused.kind, "problem": refused.problem, "figures": refused.figures}
    except MemoryError:
        return {"kind": "too_complex", "problem": "decoding takes more memory than a picture may have", "figures": {}}
    return {
        "width_px": picture.width_px,
        "height_px": picture.height_px,
        "format": picture.format,
        "content_sha256": picture.content_sha256,
    }


def ordered(text: str) -> Orders:
    """Return the orders that the pool wrote."""
    given = json.loads(text)
    return Orders(**given | {"limits": Limits(**given["limits"])})


def main(read: Read | None = None) -> None:
    """Obey the orders in the first argument."""
    orders = ordered(sys.argv[1])
    reader = PillowReader(orders.limits, tuple(orders.extra_formats))
    serve_forks(orders, read or reader.read)


if __name__ == "__main__":
    main()
