"""Named points at which a test makes a process die, stop or fail.

A server that injects no faults has none of this around its parts: `guarded` is called where faults are allowed only.
"""

import os
import signal
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any, TypeVar, cast

from servicekit.errors import BackendUnavailable

T = TypeVar("T")


@dataclass(slots=True)
class _Fault:
    action: Callable[[], None]
    passes: int


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop() -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _fail() -> None:
    raise BackendUnavailable("a fault was injected here")


_ACTIONS = {"kill": _kill, "stop": _stop, "error": _fail}


class Failpoints:
    """The points that are armed. Each fault happens once."""

    def __init__(self, text: str, known: Collection[str]) -> None:
        """Read `name=action` or `name=action:n`, separated by commas: an action at the first, or the n-th, pass.

        Raises:
            ValueError: the text has another form, or names a point or an action that there is none of.
        """
        self._faults = dict(_parsed(part.strip(), known) for part in text.split(",") if part.strip())

    def __bool__(self) -> bool:
        return bool(self._faults)

    def reach(self, name: str) -> None:
        """Do what is armed at this point, if anything is."""
        fault = self._faults.get(name)
        if fault is None:
            return
        fault.passes -= 1
        if fault.passes == 0:
            del self._faults[name]
            fault.action()


def names(prefix: str, steps: Sequence[str]) -> list[str]:
    """Return the points around each of these steps."""
    return [f"{prefix}.{step}.{side}" for step in steps for side in ("before", "after")]


def guarded(target: T, prefix: str, steps: Sequence[str], failpoints: Failpoints) -> T:
    """Return `target` with a point before and after each call of the coroutine methods in `steps`."""
    return cast("T", _Guarded(target, prefix, steps, failpoints))


class _Guarded:
    def __init__(self, target: object, prefix: str, steps: Sequence[str], failpoints: Failpoints) -> None:
        self._target = target
        self._prefix = prefix
        self._steps = steps
        self._failpoints = failpoints

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        return self._between(name, found) if name in self._steps else found

    def _between(self, name: str, call: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        @wraps(call)
        async def guarded_call(*args: Any, **options: Any) -> Any:
            self._failpoints.reach(f"{self._prefix}.{name}.before")
            answer = await call(*args, **options)
            self._failpoints.reach(f"{self._prefix}.{name}.after")
            return answer

        return guarded_call


def _parsed(part: str, known: Collection[str]) -> tuple[str, _Fault]:
    name, _, fault = part.partition("=")
    action, _, passes = fault.partition(":")
    if name not in known:
        raise ValueError(f"there is no failpoint {name!r}; there are {', '.join(sorted(known))}")
    if action not in _ACTIONS or not (passes or "1").isdecimal() or int(passes or "1") < 1:
        raise ValueError(f"{name}: {fault!r} is not kill, stop or error, with the number of the pass after a colon")
    return name, _Fault(_ACTIONS[action], int(passes or "1"))
