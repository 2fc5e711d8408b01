"""Which files a server keeps up with, so that its metrics can say how they are."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from servicekit.certificates import Certificates
from servicekit.watched import Watched

Rows = Iterable[tuple[Sequence[str], float]]


class Followed:
    """The files that one server keeps up with. Several of one name count as one: the worst of them."""

    def __init__(self) -> None:
        self._all: tuple[Watched[Any], ...] = ()

    @contextmanager
    def following(self, some: Sequence[Watched[Any]]) -> Iterator[None]:
        """Count some in while the block runs."""
        self._all = (*self._all, *some)
        try:
            yield
        finally:
            self._all = tuple(each for each in self._all if each not in some)

    def refused(self) -> Rows:
        """Return, by name, 1 for what is not taken, else 0. For any thread."""
        found: dict[str, float] = {}
        for each in self._all:
            found[each.what] = max(found.get(each.what, 0.0), float(each.refused))
        return [([name], value) for name, value in found.items()]

    def expire(self) -> Rows:
        """Return, by name, the seconds for which certificates still count; less than 0 once they do not."""
        now, found = datetime.now(UTC), dict[str, float]()
        for each in self._all:
            if isinstance(each.value, Certificates) and each.value.expires:
                seconds = (each.value.expires - now).total_seconds()
                found[each.what] = min(found.get(each.what, seconds), seconds)
        return [([name], value) for name, value in found.items()]
