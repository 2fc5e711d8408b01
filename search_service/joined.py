"""Questions of one kind that come while calls are under way go together in the next call.

A lone question goes out at once. Under load the other side has many in a call, for which it needs less time than for
as many calls; nobody waits for company.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import Context
from dataclasses import dataclass
from typing import Generic, TypeVar

from servicekit import deadline

# Whoever waits the longest is told so by his own deadline.
_MOMENT_SECONDS = 0.1
Kind = TypeVar("Kind", bound=Hashable)
Question = TypeVar("Question")
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Joining:
    """Bounds: the longest that a call may take, calls of one kind under way at once, and questions in a call."""

    timeout_seconds: float
    calls: int = 2
    questions: int = 16


@dataclass(frozen=True, slots=True)
class _Asked(Generic[Question, Answer]):
    question: Question
    seconds: float
    answer: "asyncio.Future[Answer]"


class Joined(Generic[Kind, Question, Answer]):
    """Joins questions.

    Args:
        call: Answers questions of one kind, in their order.
        joining: Its bounds.
    """

    def __init__(
        self, call: Callable[[Kind, Sequence[Question]], Awaitable[Sequence[Answer]]], joining: Joining
    ) -> None:
        self._call = call
        self._joining = joining
        self._waiting: defaultdict[Kind, deque[_Asked[Question, Answer]]] = defaultdict(deque)
        self._under_way: defaultdict[Kind, set[asyncio.Task[None]]] = defaultdict(set)

    async def ask(self, kind: Kind, question: Question) -> Answer:
        """Return the answer to a question; what the call raises, everyone in it gets."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        asked = _Asked(question, deadline.remaining(self._joining.timeout_seconds), answer)
        self._waiting[kind].append(asked)
        self._send(kind)
        return await answer

    def _send(self, kind: Kind) -> None:
        while len(self._under_way[kind]) < self._joining.calls and (together := self._taken(kind)):
            # Without the context of the one who happens to send it: his deadline is not everyone's.
            task = asyncio.create_task(self._answered(kind, together), context=Context())
            self._under_way[kind].add(task)
            task.add_done_callback(lambda task: self._ended(kind, task))

    def _taken(self, kind: Kind) -> list[_Asked[Question, Answer]]:
        """Return the next questions, without those that nobody waits for any more."""
        waiting, taken = self._waiting[kind], list[_Asked[Question, Answer]]()
        while waiting and len(taken) < self._joining.questions:
            asked = waiting.popleft()
            if not asked.answer.done():
                taken.append(asked)
        return taken

    async def _answered(self, kind: Kind, together: Sequence[_Asked[Question, Answer]]) -> None:
        """Call, within the longest time that one of them has; each of them waits for no longer than his own."""
        try:
            async with deadline.limit(max(asked.seconds for asked in together) + _MOMENT_SECONDS):
                answers = await self._call(kind, [asked.question for asked in together])
        except Exception as error:  # noqa: BLE001 it is raised where it is awaited
            for asked in together:
                if not asked.answer.done():
                    asked.answer.set_exception(error)
            return
        for asked, answer in zip(together, answers, strict=True):
            if not asked.answer.done():
                asked.answer.set_result(answer)

    def _ended(self, kind: Kind, task: "asyncio.Task[None]") -> None:
        self._under_way[kind].discard(task)
        self._send(kind)
        if not self._under_way[kind]:
            del self._under_way[kind], self._waiting[kind]
