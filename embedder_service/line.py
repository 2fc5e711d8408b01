"""The queue in front of one model: bounded, in order of urgency, and rid of what nobody waits for."""

import asyncio
import math
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from embedder_service.faults import first_line
from embedder_service.model_card import ModelCard
from embedder_service.ports import Model, Observer, Pixels, RunFailed, Vectors
from embedder_service.turnstile import Turnstile
from servicekit import deadline, errors, spans

_RETRY_AFTER_SECONDS = 0.5
# How much the latest run counts in the time that a run is expected to take.
_WEIGHT = 0.2
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a model's queue may hold."""

    max_batch: int
    """Images in one run."""
    max_waiting: int
    """Images of unary calls that are taken on and not yet answered."""
    max_ahead: int
    """Images that are being decoded or run; the others wait as the bytes that came."""


@dataclass(eq=False, slots=True)
class _Job:
    """One image whose pixels are ready."""

    image: Pixels
    since: float
    ends_at: float
    vector: "asyncio.Future[Vectors]"
    run: "_Run | None" = None


@dataclass(eq=False, slots=True)
class _Run:
    """One batch that is under way."""

    jobs: Sequence[_Job]
    vectors: "asyncio.Future[Vectors]"
    began: float
    ended: float = 0.0

    @property
    def failed(self) -> BaseException | None:
        """What the network raised."""
        return None if self.vectors.cancelled() else self.vectors.exception()

    async def end(self) -> None:
        """Wait until it is over, whatever came of it."""
        try:
            await self.vectors
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.vectors.cancelled() or (task and task.cancelling()):
                raise
        except Exception:  # noqa: BLE001 `failed` has it
            return


@dataclass(slots=True)
class _Users:
    """Counts the calls that have a model in their hands."""

    count: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)


class Line:
    """Runs one model for all calls: runs side by side under load, alone on all processors otherwise.

    Args:
        model: What runs.
        runs: The places for runs, which all models share.
        bounds: Of this queue.
        observer: Is told of each wait and each run.
    """

    def __init__(self, model: Model, runs: Turnstile, bounds: Bounds, observer: Observer) -> None:
        self.model = model
        self.ahead = Turnstile(bounds.max_ahead)
        self._runs = runs
        self._bounds = bounds
        self._observer = observer
        self._ready: tuple[deque[_Job], ...] = (deque(), deque())
        self._seekers = [0, 0]
        self._tasks: set[asyncio.Task[None]] = set()
        self._admitted = 0
        self._users = _Users()
        self._run_seconds = 0.0

    @property
    def card(self) -> ModelCard:
        """What the model is."""
        return self.model.card

    @property
    def admitted(self) -> int:
        """Images of unary calls that are taken on and not yet answered."""
        return self._admitted

    @contextmanager
    def used(self) -> Iterator[None]:
        """Keep the model from being closed while the block runs."""
        self._users.count += 1
        try:
            yield
        finally:
            self._users.count -= 1
            if not self._users.count:
                self._users.gone.set()

    async def close(self) -> None:
        """Close the model once nobody uses it. Nobody new may come."""
        while self._users.count:
            self._users.gone.clear()
            await self._users.gone.wait()
        self.model.close()

    @contextmanager
    def admit(self, count: int) -> Iterator[None]:
        """Take on so many images of one call for the block.

        Raises:
            Overloaded: too many are taken on already.
            DeadlineExceeded: their turn would come after the caller's time.
        """
        self._refuse(count)
        self._admitted += count
        try:
            yield
        finally:
            self._admitted -= count

    async def infer(self, image: Pixels, *, bulk: bool = False) -> Vectors:
        """Return the pooled output for one image, [card.dimension], float32, not yet of length 1.

        Raises:
            DeadlineExceeded: the run would end after the caller's time.
            RunFailed: the network fails at this picture.
        """
        loop = asyncio.get_running_loop()
        now = loop.time()
        job = _Job(image, now, now + deadline.remaining(math.inf), loop.create_future())
        self._ready[bulk].append(job)
        self._seek(bulk)
        try:
            vector = await job.vector
            self._trace(job)
            return vector
        finally:
            if job.run and all(each.vector.cancelled() for each in job.run.jobs):
                job.run.vectors.cancel()

    def _trace(self, job: _Job) -> None:
        if run := job.run:
            name = self.card.name
            spans.past("queue", job.since, run.began, model=name)
            spans.past("inference", run.began, run.ended, model=name, images=len(run.jobs))

    def _refuse(self, count: int) -> None:
        limit = self._bounds.max_waiting
        if self._admitted + count > limit:
            self._observer.refused(errors.Overloaded.reason, count)
            raise errors.Overloaded(
                f"{self._admitted} images are waiting already; the limit is {limit}",
                retry_after_seconds=_RETRY_AFTER_SECONDS,
            )
        expected = self._admitted * self._run_seconds / self._runs.places
        if self._admitted and expected > deadline.remaining(math.inf):
            self._observer.refused(errors.DeadlineExceeded.reason, count)
            raise _too_late("queue")

    def _seek(self, bulk: bool) -> None:
        """See to it that somebody takes what is ready: of each urgency, at most one task for every place there is."""
        if self._seekers[bulk] < self._runs.places:
            self._seekers[bulk] += 1
            task = asyncio.create_task(self._serve(bulk))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, bulk: bool) -> None:
        """Run until nothing of this urgency is ready; leave the count in that step: what is later finds another."""
        try:
            while self._ready[bulk]:
                async with self._runs.place(bulk=bulk):
                    if batch := self._take():
                        await self._run(batch)
        finally:
            self._seekers[bulk] -= 1

    def _take(self) -> list[_Job]:
        """Take what waits longest of what is most urgent: its share, where several runs could go on side by side."""
        size = min(self._bounds.max_batch, -(-sum(map(len, self._ready)) // self._runs.places))
        batch: list[_Job] = []
        now = asyncio.get_running_loop().time()
        for queue in self._ready:
            while queue and len(batch) < size:
                job = queue.popleft()
                if self._wanted(job, now):
                    batch.append(job)
        return batch

    def _wanted(self, job: _Job, now: float) -> bool:
        """Leave out what was given up, and what is hopeless while others wait for its place."""
        if job.vector.done():
            return False
        if any(self._ready) and job.ends_at < now + self._run_seconds / 2:
            self._observer.refused(errors.DeadlineExceeded.reason, 1)
            job.vector.set_exception(_too_late("infer"))
            return False
        return True

    async def _run(self, jobs: Sequence[_Job]) -> None:
        loop = asyncio.get_running_loop()
        started = loop.time()
        images = [job.image for job in jobs]
        alone = self._runs.inside == 1 and not any(self._ready)
        run = _Run(jobs, self._begin(images, alone=alone), started)
        for job in jobs:
            job.run = run
            self._observer.waited(self.card.name, started - job.since)
        await run.end()
        run.ended = loop.time()
        self._note(len(jobs), run.ended - started)
        if len(jobs) > 1 and run.failed:
            # One picture is at fault, and which is not known.
            for job in jobs:
                await self._run([job])
        else:
            self._hand_out(run)

    def _begin(self, images: Sequence[Pixels], *, alone: bool) -> "asyncio.Future[Vectors]":
        """Begin a run. Where not even that can be done, it is a run that failed."""
        try:
            return asyncio.ensure_future(self.model.infer(images, alone=alone))
        except Exception as problem:  # noqa: BLE001 such as that there can be no more threads
            failed: asyncio.Future[Vectors] = asyncio.get_running_loop().create_future()
            failed.set_exception(problem)
            return failed

    def _hand_out(self, run: _Run) -> None:
        """Give each job its row, or what went wrong."""
        for row, job in enumerate(run.jobs):
            if job.vector.done():
                continue
            if run.failed:
                _log.error("a run failed", model=self.card.name, problem=first_line(run.failed))
                job.vector.set_exception(RunFailed(f"{self.card.name} fails at it"))
            elif run.vectors.cancelled():
                job.vector.cancel()
            else:
                job.vector.set_result(run.vectors.result()[row])

    def _note(self, images: int, seconds: float) -> None:
        self._observer.ran(self.card.name, images, seconds)
        each = seconds / images
        self._run_seconds += (each - self._run_seconds) * (_WEIGHT if self._run_seconds else 1)


def _too_late(stage: str) -> errors.DeadlineExceeded:
    return errors.DeadlineExceeded(
        f"the deadline would pass in stage {stage}: others are before it", metadata={"stage": stage}
    )
