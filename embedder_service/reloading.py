"""Has what the folders of models hold served, at the start and whenever they have changed."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from embedder_service.ports import Model, ModelSource
from embedder_service.roster import Roster


@dataclass(frozen=True, slots=True)
class Change:
    """What a reload has changed, by names in order."""

    added: Sequence[str]
    replaced: Sequence[str]
    removed: Sequence[str]
    refused: Mapping[str, str]
    """What is wrong with models that are not served, or not in their newest version, by name."""


class Reloader:
    """Keeps a roster in step with a source, one look at a time."""

    def __init__(self, source: ModelSource, roster: Roster) -> None:
        self._source = source
        self._roster = roster
        self._refused: Mapping[str, str] = {}
        self._lock = asyncio.Lock()

    async def reload(self) -> Change:
        """Load what is new or has changed, and return once it is served.

        What was served before goes on until then, and where a new version is refused. A call that holds an old version
        goes on with it to its end.
        """
        async with self._lock:
            before = self._roster.models
            found = await self._source.load(before)
            self._roster.replace(found.models)
            self._refused = found.refused
            return _change(before, found.models, found.refused)

    def parts(self) -> dict[str, bool]:
        """Return every model that there is or was a folder of, and whether it is served."""
        served = self._roster.models
        return {name: name in served for name in sorted({*served, *self._refused})}


def _change(before: Mapping[str, Model], after: Mapping[str, Model], refused: Mapping[str, str]) -> Change:
    kept = before.keys() & after.keys()
    return Change(
        added=sorted(after.keys() - before.keys()),
        replaced=sorted(name for name in kept if before[name] is not after[name]),
        removed=sorted(before.keys() - after.keys()),
        refused=refused,
    )
