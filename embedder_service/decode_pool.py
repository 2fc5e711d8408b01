"""Decodes in processes of their own: none can stall, crash or look into the service, whatever the picture does."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import structlog

from embedder_service.decode_worker import Allowance, Forks, Worker, WorkerGone
from embedder_service.geometry import Geometry
from embedder_service.pictures import Limits
from embedder_service.ports import DecodedImage, ImageDecoder, Observer
from embedder_service.turnstile import Turnstile
from servicekit import errors

PROGRAM = "embedder_service.decoder"
_log = structlog.get_logger()


class DecoderPool(ImageDecoder):
    """Workers that decode one picture at a time.

    Args:
        workers: Pictures decoded at once.
        limits: On what a picture may be.
        allowance: On what decoding one may take. A worker that takes more is killed, and another takes its place.
        extra_formats: Beside JPEG, PNG, WebP, GIF and BMP.
        observer: Is told of every decoding.
        program: The module that decodes.
    """

    def __init__(
        self,
        workers: int,
        limits: Limits,
        allowance: Allowance,
        extra_formats: Sequence[str] = (),
        *,
        observer: Observer | None = None,
        program: str = PROGRAM,
    ) -> None:
        self._places = Turnstile(workers)
        self._allowance = allowance
        self._forks = Forks(program, limits, allowance, extra_formats)
        self._observer = observer or Observer()
        self._idle: list[Worker] = []
        self._jobs: set[asyncio.Task[DecodedImage]] = set()

    @classmethod
    @asynccontextmanager
    async def open(cls, workers: int, *arguments: Any, **options: Any) -> AsyncIterator[Self]:
        """Start the workers, and end them after the block."""
        pool = cls(workers, *arguments, **options)
        try:
            pool._idle = [await pool._forks.worker() for _ in range(workers)]
            _log.info("decoders", workers=workers, confined_by=pool._idle[0].confined_by)
            yield pool
        finally:
            await pool.close()

    async def close(self) -> None:
        """Let the pictures under way be finished, and end the workers."""
        await asyncio.gather(*self._jobs, return_exceptions=True)
        self._forks.close()
        for worker in self._idle:
            worker.kill()

    async def decode(self, content: bytes, geometries: Sequence[Geometry], *, bulk: bool = False) -> DecodedImage:
        """See ImageDecoder. What nobody waits for any more is finished: a worker takes longer to replace."""
        await self._places.enter(bulk=bulk)
        job = asyncio.create_task(self._decode(content, geometries))
        self._jobs.add(job)
        job.add_done_callback(self._finished)
        return await asyncio.shield(job)

    def _finished(self, job: "asyncio.Task[DecodedImage]") -> None:
        self._jobs.discard(job)
        self._places.leave()
        if not job.cancelled():
            job.exception()  # whoever waited for it may have gone

    async def _decode(self, content: bytes, geometries: Sequence[Geometry]) -> DecodedImage:
        started = time.perf_counter()
        reason = ""
        try:
            return await self._by_a_worker(content, geometries)
        except errors.ServiceError as error:
            reason = error.code_reason
            raise
        finally:
            self._observer.decoded(time.perf_counter() - started, reason)

    async def _by_a_worker(self, content: bytes, geometries: Sequence[Geometry]) -> DecodedImage:
        """Give the picture to a worker: to another only where the first was dead already."""
        while True:
            worker = self._idle.pop() if self._idle else await self._forks.worker()
            try:
                return await worker.decode(content, geometries)
            except WorkerGone:
                _log.warning("a decoder was killed between two pictures")
            finally:
                if worker.alive:
                    self._idle.append(worker)
                else:
                    worker.kill()
