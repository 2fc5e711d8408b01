"""Has what the folders of models hold served, at the start and whenever they have changed."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from embedder_service.ports import Catalog, Model, ModelSource


@dataclass(frozen=True, slots=True)
class Change:
    """What a reload has changed, by names in order."""

    added: Sequence[str]
    replaced: Sequence[str]
    removed: Sequence[str]
    refused: Mapping[str, str]
    """What is wrong with models that are not served, or not in their newest version, by name."""


class Served(Protocol):
    """The models that calls use."""

    async def replace(self, models: Mapping[str, Model]) -> None:
        """Serve exactly these from now on; return once those that went have no call left, and are closed."""


class Reloader:
    """Keeps what is served in step with a source, one look at a time."""

    def __init__(self, source: ModelSource, served: Served) -> None:
        self._source = source
        self._served = served
        self._found = Catalog()
        self._lock = asyncio.Lock()
        self._reloading: set[asyncio.Task[Change]] = set()

    async def reload(self) -> Change:
        """Load what is new or has changed, and return once it is served and what went has no call left.

        What was served before goes on until then, and where a new version is refused. A caller that waits no longer
        stops nothing.
        """
        task = asyncio.create_task(self._reload())
        self._reloading.add(task)
        task.add_done_callback(self._reloading.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Give up what is being loaded."""
        for task in self._reloading:
            task.cancel()
        await asyncio.gather(*self._reloading, return_exceptions=True)

    def parts(self) -> dict[str, bool]:
        """Return every model that there is a folder of, and whether it is served."""
        return {name: name in self._found.models for name in sorted({*self._found.models, *self._found.refused})}

    async def _reload(self) -> Change:
        async with self._lock:
            before = self._found.models
            self._found = await self._source.load(before)
            change = _change(before, self._found)
            await self._served.replace(self._found.models)
            return change


def _change(before: Mapping[str, Model], found: Catalog) -> Change:
    after = found.models
    kept = before.keys() & after.keys()
    return Change(
        added=sorted(after.keys() - before.keys()),
        replaced=sorted(name for name in kept if before[name] is not after[name]),
        removed=sorted(before.keys() - after.keys()),
        refused=found.refused,
    )
