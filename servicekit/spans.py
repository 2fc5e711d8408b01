"""Steps of the call that is being served, for whoever traces it.

Any file may name a step. Where nothing traces the call, that costs a look at a context variable and no more.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from typing import Protocol

Attributes = Mapping[str, str | int]
"""What is said of a step: names of models, and counts; nothing that a caller chose, and nothing secret."""


class Span(Protocol):
    """Something that is under way, and its place in a trace."""

    @property
    def trace_id(self) -> str:
        """32 hexadecimal digits."""

    @property
    def traceparent(self) -> str:
        """What a call out carries, as W3C Trace Context has it."""

    def step(self, name: str, attributes: Attributes, *, outward: bool) -> AbstractContextManager["Span"]:
        """Return what is under way while the block runs; `outward` for a call to another program."""

    def past(self, name: str, seconds: tuple[float, float], attributes: Attributes) -> None:
        """Note a step that is over: when it began and ended, in seconds of `time.monotonic`."""


_current: ContextVar[Span | None] = ContextVar("span", default=None)


def current() -> Span | None:
    """Return what is under way here, None outside of a call."""
    return _current.get()


@contextmanager
def within(span: Span) -> Iterator[None]:
    """Have the steps of the block, and of the tasks that it begins, belong to `span`."""
    token = _current.set(span)
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def step(name: str, *, outward: bool = False, **attributes: str | int) -> Iterator[None]:
    """Name a step of the call that is being served; outside of a call, nothing is noted."""
    around = _current.get()
    if around is None:
        yield
        return
    with around.step(name, attributes, outward=outward) as span, within(span):
        yield


def past(name: str, began: float, ended: float, **attributes: str | int) -> None:
    """Note a step that is over, from its times in seconds of `time.monotonic`."""
    around = _current.get()
    if around is not None:
        around.past(name, (began, ended), attributes)
