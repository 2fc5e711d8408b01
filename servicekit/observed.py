"""Calls of a part that are measured and traced, with nothing of that in the part or in who calls it."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, Protocol, TypeVar, cast

from servicekit import spans

T = TypeVar("T")


class Calls(Protocol):
    """Where calls of parts are recorded."""

    def call(self, part: str, operation: str) -> AbstractContextManager[None]:
        """Record the time that the block takes, and the kind of error if it raises one."""


def observed(target: T, part: str, calls: Calls, heard: Mapping[str, Callable[[Any], None]] | None = None) -> T:
    """Return `target` with a record and a step of the trace for each call of its coroutine methods.

    Args:
        target: An adapter.
        part: What it is an adapter to, such as `redis`.
        calls: Where the calls are recorded.
        heard: Is told the answers of a method, by the method's name.
    """
    return cast("T", _Observed(target, part, calls, heard or {}))


class _Observed:
    def __init__(self, target: object, part: str, calls: Calls, heard: Mapping[str, Callable[[Any], None]]) -> None:
        self._target = target
        self._part = part
        self._calls = calls
        self._heard = heard

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if not iscoroutinefunction(found):
            return found
        # Kept, so that it is looked for once.
        self.__dict__[name] = self._around(name, found)
        return self.__dict__[name]

    def _around(self, name: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        part, calls, hear = self._part, self._calls, self._heard.get(name)
        step_name = f"{part} {name}"

        @wraps(call)
        async def observed_call(*args: Any, **options: Any) -> Any:
            with calls.call(part, name), spans.step(step_name, outward=True):
                answer = await call(*args, **options)
            if hear:
                hear(answer)
            return answer

        return observed_call
