"""The models that are served, by name: each may be replaced while calls are under way, and none is closed under one."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager

from embedder_service.line import Line
from embedder_service.model_card import ModelCard
from embedder_service.ports import Model, ModelNotFound
from servicekit import errors

_MAX_NAME_CHARS = 64
OpenLine = Callable[[Model], Line]
"""Makes the queue in front of a model."""


class Registry:
    """Models by name, each behind a queue of its own."""

    name = "models"

    def __init__(self, models: Mapping[str, Model], open_line: OpenLine) -> None:
        self._open_line = open_line
        self._lines = self._opened(models, {})

    async def check(self) -> None:
        """Raise if no model is served."""
        if not self._lines:
            raise errors.Unavailable("no model is served")

    def cards(self) -> list[ModelCard]:
        """Return every model's card, by name."""
        return [line.card for line in self._lines.values()]

    def waiting(self) -> dict[str, int]:
        """Return, for each model, how many images of unary calls are taken on and not yet answered."""
        return {name: line.admitted for name, line in self._lines.items()}

    def card(self, name: str) -> ModelCard:
        """Return one model's card.

        Raises:
            ModelNotFound: it is not served.
        """
        return self._find(name).card

    @contextmanager
    def lend(self, names: Sequence[str]) -> Iterator[list[Line]]:
        """Give the models `names`, or all if there are none, for the block: none is closed before its end.

        Raises:
            InvalidField: a model is named twice.
            ModelNotFound: a model is not served.
            Unavailable: no model is served.
        """
        lines = self._choose(names)
        with ExitStack() as users:
            for line in lines:
                users.enter_context(line.used())
            yield lines

    async def replace(self, models: Mapping[str, Model]) -> None:
        """Serve exactly `models` from now on; return once those that went have no call left, and are closed.

        A model that is served already, the very same object, goes on undisturbed.
        """
        before = self._lines
        self._lines = self._opened(models, before)
        gone = [line for line in before.values() if line not in self._lines.values()]
        await asyncio.gather(*(line.close() for line in gone))

    async def close(self) -> None:
        """Serve nothing any more."""
        await self.replace({})

    def _opened(self, models: Mapping[str, Model], before: Mapping[str, Line]) -> dict[str, Line]:
        lines = {line.model: line for line in before.values()}
        return {name: lines.get(model) or self._open_line(model) for name, model in sorted(models.items())}

    def _choose(self, names: Sequence[str]) -> list[Line]:
        if not self._lines:
            raise errors.Unavailable("no model is served")
        chosen = {name: self._find(name) for name in names}
        if len(chosen) < len(names):
            twice = next(i for i, name in enumerate(names) if name in names[:i])
            raise errors.invalid_field(f"models[{twice}]", f"{names[twice]} is named twice")
        return list((chosen or self._lines).values())

    def _find(self, name: str) -> Line:
        if name not in self._lines:
            shown = name[:_MAX_NAME_CHARS]
            raise ModelNotFound(f"model {shown!r} is not served", resource=errors.Resource("model", shown))
        return self._lines[name]
