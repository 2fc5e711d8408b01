"""Decoders that are taken over, crash, spin, or are killed: what is theirs fails, and nothing else."""

import ast
import asyncio
import mmap
import os
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from embedder_service.decode_pool import DecoderPool
from embedder_service.decode_worker import Allowance
from embedder_service.geometry import Geometry
from embedder_service.ports import ImageTooComplex, ImageUndecodable, Observer
from servicekit import errors
from tests import embedder_images as images
from tests.unit.embedder_service.conftest import LIMITS

WHOLE = Geometry(8, 8, "NEAREST", 0)
PICTURE = images.noise(8, 8)
GOOD = images.encode(PICTURE, "PNG")
ALLOWANCE = Allowance(cpu_seconds=0.2, memory_bytes=256 * 2**20)


class Noting(Observer):
    """Keeps the reasons for which decodings failed."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def decoded(self, seconds: float, reason: str) -> None:
        self.reasons.append(reason)


@pytest.fixture(scope="module")
def noting() -> Noting:
    return Noting()


@pytest.fixture(scope="module")
async def pool(noting: Noting) -> AsyncIterator[DecoderPool]:
    misbehaving = "tests.misbehaving_decoder"
    async with DecoderPool.open(2, LIMITS, ALLOWANCE, observer=noting, program=misbehaving) as opened:
        yield opened


async def is_well(pool: DecoderPool) -> None:
    """Every worker decodes."""
    for decoded in await asyncio.gather(*(pool.decode(GOOD, [WHOLE]) for _ in range(4))):
        np.testing.assert_array_equal(decoded.pixels[0], PICTURE)


async def refusal(pool: DecoderPool, content: bytes) -> errors.ServiceError:
    with pytest.raises(errors.InvalidArgument) as caught:
        await pool.decode(content, [WHOLE])
    return caught.value


@pytest.mark.parametrize("deed", ["open", "create", "list", "connect", "fork", "run", "kill", "write"])
async def test_a_decoder_may_not(pool: DecoderPool, deed: str) -> None:
    if "seccomp" not in pool._idle[0].confined_by:
        pytest.skip("this kernel has no seccomp")
    assert (await refusal(pool, f"do:{deed}".encode())).message == "content: PermissionError"
    assert not Path("/tmp/created").exists()


async def test_a_decoder_knows_nothing_of_the_service(pool: DecoderPool) -> None:
    """Beside where its code is and how it keeps memory, and what Python itself sets: a locale."""
    problem = (await refusal(pool, b"do:environment")).message.removeprefix("content: ")
    given = set(ast.literal_eval(problem))
    assert given - {"LC_CTYPE"} == {"PYTHONPATH", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"}


async def test_a_decoder_dies_before_the_service_does(pool: DecoderPool) -> None:
    assert Path(f"/proc/{pool._forks._process.pid}/oom_score_adj").read_text() == "1000\n"  # type: ignore[union-attr]


async def test_a_crash_fails_its_picture_alone_and_once(pool: DecoderPool, noting: Noting) -> None:
    noting.reasons.clear()
    mixed = [b"do:crash", GOOD] * 25
    outcomes = await asyncio.gather(*(pool.decode(each, [WHOLE]) for each in mixed), return_exceptions=True)
    assert all(isinstance(outcome, ImageUndecodable) for outcome in outcomes[::2])
    assert not [outcome for outcome in outcomes[1::2] if isinstance(outcome, BaseException)]
    assert sorted(noting.reasons) == [""] * 25 + ["IMAGE_UNDECODABLE"] * 25
    await is_well(pool)


async def test_what_takes_too_long_is_ended(pool: DecoderPool) -> None:
    error = await refusal(pool, b"do:spin")
    assert isinstance(error, ImageTooComplex)
    assert error.message == "content: decoding takes more than 0.2 seconds, which is all a picture may have"
    await is_well(pool)


async def test_what_takes_too_much_memory_is_refused(pool: DecoderPool) -> None:
    assert isinstance(await refusal(pool, b"do:grow"), ImageTooComplex)
    await is_well(pool)


async def test_what_nobody_waits_for_harms_nobody(pool: DecoderPool) -> None:
    given_up = [asyncio.create_task(pool.decode(b"do:spin", [WHOLE])) for _ in range(4)]
    await asyncio.sleep(0)
    for task in given_up:
        task.cancel()
    await asyncio.wait(given_up)
    await is_well(pool)


@pytest.mark.parametrize("deed", ["silence", "chatter", "flood"])
async def test_a_decoder_that_says_what_nobody_asked_for_is_replaced(pool: DecoderPool, deed: str) -> None:
    """It must neither keep the event loop busy between two pictures nor have the next one wait for ever."""
    idle = list(pool._idle)
    assert (await refusal(pool, f"do:{deed}".encode())).message == "content: said"
    async with asyncio.timeout(10):
        while all(worker.alive for worker in idle):
            # What it said too much may come in time to be taken for its next answer.
            with suppress(ImageUndecodable):
                await pool.decode(GOOD, [WHOLE])
        await is_well(pool)


async def test_a_decoder_that_was_killed_between_pictures_is_replaced(pool: DecoderPool) -> None:
    """No picture notices: none was given to it."""
    await is_well(pool)
    for worker in pool._idle:
        signal.pidfd_send_signal(worker._process, signal.SIGKILL)
        await asyncio.get_running_loop().sock_recv(worker._connection, 1)
    await is_well(pool)


async def test_without_what_they_are_forked_from_a_new_one_is_started(pool: DecoderPool) -> None:
    process = pool._forks._process
    assert process
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    while pool._idle:
        await refusal(pool, b"do:crash")
    await is_well(pool)
    assert pool._forks._process is not process


async def test_a_large_picture_is_shared_and_given_back(pool: DecoderPool) -> None:
    """3 MiB of pixels, and not compressed."""
    picture = images.noise(1024, 1024)
    size = Geometry(1024, 1024, "NEAREST", 0)
    decoded = await pool.decode(images.encode(picture, "BMP"), [size, WHOLE])
    np.testing.assert_array_equal(decoded.pixels[0], picture)
    assert {os.fstat(worker._memory).st_size for worker in pool._idle} == {2**20}


async def test_what_a_large_picture_took_is_given_back(pool: DecoderPool) -> None:
    """20 MB, which the C library would keep once it has seen a few."""
    await is_well(pool)
    before = resident_mib(pool)
    large = images.encode(images.noise(2500, 2000), "JPEG")
    await asyncio.gather(*(pool.decode(large, [WHOLE]) for _ in range(8)))
    assert resident_mib(pool) < before + 8


def resident_mib(pool: DecoderPool) -> float:
    """Return what the larger of the two decoders has."""
    ids = [Path(f"/proc/self/fdinfo/{each._process}").read_text().split("Pid:")[1].split()[0] for each in pool._idle]
    return max(int(Path(f"/proc/{id_}/statm").read_text().split()[1]) for id_ in ids) * mmap.PAGESIZE / 2**20
