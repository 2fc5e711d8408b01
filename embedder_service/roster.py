"""Which models are served now: they change under calls that go on, and nobody loses the one that he uses."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from embedder_service.ports import Model


class Roster:
    """The models that are served.

    Args:
        models: The first of them, by name.
    """

    def __init__(self, models: Mapping[str, Model] | None = None) -> None:
        self._models = models or {}
        self._holders: Counter[int] = Counter()
        self._idle: dict[int, asyncio.Event] = {}

    @property
    def models(self) -> Mapping[str, Model]:
        """What a call that begins now can use, by name."""
        return self._models

    @contextmanager
    def hold(self, models: Sequence[Model]) -> Iterator[None]:
        """Keep models open while the block runs, whatever becomes of them meanwhile."""
        self._holders.update(map(id, models))
        try:
            yield
        finally:
            for model in models:
                self._let_go(id(model))

    async def replace(self, models: Mapping[str, Model]) -> None:
        """Serve these from now on; return once those that went have no call left, and are closed."""
        before, self._models = self._models, models
        gone = [model for model in before.values() if models.get(model.card.name) is not model]
        await asyncio.gather(*map(self._close, gone))

    async def close(self) -> None:
        """Serve none, and return once every model is closed."""
        await self.replace({})

    async def _close(self, model: Model) -> None:
        if self._holders[id(model)]:
            self._idle[id(model)] = asyncio.Event()
            await self._idle[id(model)].wait()
        await model.close()

    def _let_go(self, holder: int) -> None:
        self._holders[holder] -= 1
        if not self._holders[holder]:
            del self._holders[holder]
            if holder in self._idle:
                self._idle.pop(holder).set()
