"""One decoder's process as the service sees it, and the process that such are forked from."""

import asyncio
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import structlog

from embedder_service.geometry import Geometry
from embedder_service.pictures import TOO_COMPLEX, TOO_LARGE, UNDECODABLE, Limits
from embedder_service.ports import CONTENT, DecodedImage, ImageTooComplex, ImageTooLarge, ImageUndecodable, Pixels
from servicekit import errors

_REFUSALS = {UNDECODABLE: ImageUndecodable, TOO_LARGE: ImageTooLarge, TOO_COMPLEX: ImageTooComplex}
_MESSAGE_BYTES = 64 * 1024
_START_SECONDS = 30.0
# What a worker shares with us at rest; larger pictures are given more for as long as they take.
_RESTING_BYTES = 1024 * 1024
# A process that waits uses no processor; one that is starved of it must end all the same.
_WALL_PER_CPU = 5
# clock_gettime(2): the clock of another process is made of its id.
_PROCESS_CLOCK = 2
# Of the GNU library: what a picture of over some 2 megapixels took goes back to the system, what smaller ones take is
# kept for the next. Left to itself it keeps up to 64 MiB in each decoder.
_ALLOCATION = dict.fromkeys(("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"), str(8 * 1024 * 1024))
_FIELDS = attrgetter(*(field.name for field in fields(Geometry)))
_log = structlog.get_logger()


class WorkerGone(Exception):
    """The worker died before it was given the picture."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one picture may take."""

    cpu_seconds: float
    memory_bytes: int
    """Address space of a worker, of which some 100 MiB are taken before the first picture."""


class Forks:
    """The process that workers are forked from; started anew where it is gone."""

    def __init__(self, program: str, limits: Limits, allowance: Allowance, extra_formats: Sequence[str]) -> None:
        self._program = program
        self._orders = {
            "memory_bytes": allowance.memory_bytes,
            "limits": asdict(limits),
            "extra_formats": list(extra_formats),
        }
        self._cpu_seconds = allowance.cpu_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._one_at_a_time = asyncio.Lock()

    async def worker(self) -> "Worker":
        """Return a new worker, ready for its first picture.

        Raises:
            BackendUnavailable: none comes up in time.
        """
        try:
            async with asyncio.timeout(_START_SECONDS), self._one_at_a_time:
                try:
                    return await self._forked()
                except (OSError, ValueError):
                    self.close()  # it is gone; a new one gets one try
                    return await self._forked()
        except (OSError, ValueError) as problem:
            _log.error("no decoder starts", problem=str(problem))
            raise errors.BackendUnavailable("no decoder starts") from None

    def close(self) -> None:
        """End the process."""
        if self._process and self._control:
            self._control.close()
            self._process.kill()
            self._process.wait()
        self._process = self._control = None

    async def _forked(self) -> "Worker":
        control = self._control or self._start()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        memory = os.memfd_create("picture", os.MFD_CLOEXEC)
        try:
            with theirs:
                socket.send_fds(control, [b"fork"], [theirs.fileno(), memory])
            pid = int(await asyncio.get_running_loop().sock_recv(control, _MESSAGE_BYTES))
            ours.setblocking(False)
            confined_by = json.loads(await asyncio.get_running_loop().sock_recv(ours, _MESSAGE_BYTES))
            return Worker(ours, memory, pid, self._cpu_seconds, confined_by)
        except BaseException:
            ours.close()
            os.close(memory)
            raise

    def _start(self) -> socket.socket:
        """Start a fresh interpreter. It is no fork of this process, gRPC's threads are not in it, nor is any secret."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            orders = json.dumps(self._orders | {"control": theirs.fileno()})
            self._process = subprocess.Popen(  # noqa: S603 our own program
                [sys.executable, "-B", "-m", self._program, orders],
                env={"PYTHONPATH": str(Path(__file__).parents[1]), **_ALLOCATION},
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
            )
        ours.setblocking(False)
        self._control = ours
        return ours


class Worker:
    """One process that decodes, and the memory that it shares with us: bytes at its start, then pixels."""

    def __init__(
        self, connection: socket.socket, memory: int, pid: int, cpu_seconds: float, confined_by: Sequence[str]
    ) -> None:
        self.alive = True
        self.confined_by = confined_by
        self._connection = connection
        self._memory = memory
        self._process = os.pidfd_open(pid)
        self._clock = (~pid << 3) | _PROCESS_CLOCK
        self._cpu_seconds = cpu_seconds
        self._overdue = False
        self._shared = self._mapped(_RESTING_BYTES)
        self._answer: asyncio.Future[bytes] | None = None
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(connection, self._hear)

    async def decode(self, content: bytes, geometries: Sequence[Geometry]) -> DecodedImage:
        """See ImageDecoder.

        Raises:
            WorkerGone: it never saw the picture.
        """
        sizes = [geometry.width_px * geometry.height_px * 3 for geometry in geometries]
        self._make_room(len(content) + sum(sizes))
        self._shared[: len(content)] = content
        asked = {
            "memory_bytes": len(self._shared),
            "content_bytes": len(content),
            "geometries": [_FIELDS(geometry) for geometry in geometries],
        }
        answer = await self._ask(json.dumps(asked).encode())
        try:
            return _decoded(answer, self._pixels(len(content), sizes, geometries))
        finally:
            self._make_room(0)

    def kill(self) -> None:
        """End the process, and let go of what it shared."""
        if self._connection.fileno() >= 0:
            self._end()
            self._loop.remove_reader(self._connection)
            self._shared.close()
            self._connection.close()
            os.close(self._memory)
            os.close(self._process)

    async def _ask(self, request: bytes) -> Mapping[str, Any]:
        loop = asyncio.get_running_loop()
        started, used = loop.time(), self._cpu()
        self._timer = loop.call_later(self._cpu_seconds, self._watch, started, used)
        self._answer = loop.create_future()
        try:
            self._send(request)
            answer = await self._answer
            return json.loads(answer) if answer else self._gone()
        except ValueError:
            return self._gone()
        finally:
            self._timer.cancel()

    def _send(self, request: bytes) -> None:
        """Send what is far smaller than the buffer, which is empty: that does not block."""
        if not self.alive:
            raise WorkerGone
        try:
            self._connection.send(request)
        except OSError:
            self.alive = False
            raise WorkerGone from None

    def _hear(self) -> None:
        """Read the answer; what is empty, or was not asked for, is the last that is heard of a worker."""
        try:
            answer = self._connection.recv(_MESSAGE_BYTES)
        except OSError:
            answer = b""
        asked = self._answer if self._answer and not self._answer.done() else None
        if not (asked and answer):
            self._loop.remove_reader(self._connection)
            self._end()
        if asked:
            asked.set_result(answer)

    def _watch(self, started: float, used: float) -> None:
        """Kill a worker that takes too much; `started` and `used` are its clocks at the start of the picture."""
        loop = asyncio.get_running_loop()
        left = self._cpu_seconds - (self._cpu() - used)
        if left <= 0 or loop.time() - started > self._cpu_seconds * _WALL_PER_CPU:
            self._overdue = True
            self._end()
        else:
            self._timer = loop.call_later(max(left, 0.01), self._watch, started, used)

    def _cpu(self) -> float:
        try:
            return time.clock_gettime(self._clock)
        except OSError:
            return 0.0  # it has just died

    def _gone(self) -> Mapping[str, Any]:
        self.alive = False
        if self._overdue:
            problem = f"decoding takes more than {self._cpu_seconds:g} seconds, which is all a picture may have"
            return {"kind": TOO_COMPLEX, "problem": problem, "figures": {}}
        _log.warning("a decoder died of a picture, or was killed")
        return {"kind": UNDECODABLE, "problem": "is a picture that the decoder fails at", "figures": {}}

    def _end(self) -> None:
        self.alive = False
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._process, signal.SIGKILL)

    def _pixels(self, start: int, sizes: Sequence[int], geometries: Sequence[Geometry]) -> list[Pixels]:
        pixels = []
        for size, geometry in zip(sizes, geometries, strict=True):
            shape = geometry.height_px, geometry.width_px, 3
            pixels.append(np.frombuffer(self._shared, np.uint8, size, start).reshape(shape).copy())
            start += size
        return pixels

    def _make_room(self, size: int) -> None:
        """Share as much as this picture takes, and give back what a large one took."""
        wanted = max(_RESTING_BYTES, -(-size // mmap.PAGESIZE) * mmap.PAGESIZE)
        if wanted != len(self._shared):
            resized = self._mapped(wanted)
            self._shared.close()
            self._shared = resized

    def _mapped(self, size: int) -> mmap.mmap:
        os.ftruncate(self._memory, size)
        return mmap.mmap(self._memory, size)


def _decoded(answer: Mapping[str, Any], pixels: Sequence[Pixels]) -> DecodedImage:
    if "kind" in answer:
        violation = errors.Violation(CONTENT, answer["problem"])
        message = f"{CONTENT}: {answer['problem']}"
        raise _REFUSALS[answer["kind"]](message, violations=[violation], metadata=answer["figures"])
    return DecodedImage(
        width_px=answer["width_px"],
        height_px=answer["height_px"],
        format=answer["format"],
        content_sha256=answer["content_sha256"],
        pixels=pixels,
    )
