"""What is served follows the folders of models."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

from embedder_service.line import Bounds, Line
from embedder_service.model_card import ModelCard
from embedder_service.ports import Catalog, Model, ModelSource, Observer, Pixels, Vectors
from embedder_service.registry import Registry
from embedder_service.reloading import Change, Reloader
from embedder_service.turnstile import Turnstile
from tests import embedder_models


class Noting(Model):
    """Says whether it was closed."""

    def __init__(self, name: str) -> None:
        self._card = ModelCard.model_validate(embedder_models.card(name, b"network", 3))
        self.closed = False

    @property
    def card(self) -> ModelCard:
        return self._card

    async def infer(self, images: Sequence[Pixels], *, alone: bool = True) -> Vectors:
        raise NotImplementedError

    def close(self) -> None:
        self.closed = True


class Shelf(ModelSource):
    """Holds what a test puts there. Loading ends when `open` is set."""

    def __init__(self) -> None:
        self.catalog = Catalog()
        self.served: list[list[str]] = []
        self.begun = asyncio.Event()
        self.open = asyncio.Event()
        self.open.set()

    async def load(self, serving: Mapping[str, Model]) -> Catalog:
        self.begun.set()
        await self.open.wait()
        self.served.append(list(serving))
        return self.catalog


def registry() -> Registry:
    bounds, places = Bounds(max_batch=8, max_waiting=64, max_ahead=8), Turnstile(1)
    return Registry({}, lambda model: Line(model, places, bounds, Observer()))


async def test_a_reload_says_what_has_changed() -> None:
    shelf = Shelf()
    reloader = Reloader(shelf, registry())
    kept, old, new = Noting("kept"), Noting("changed"), Noting("changed")
    shelf.catalog = Catalog({"changed": old, "gone": Noting("gone"), "kept": kept}, {"bad": "wrong"})
    assert await reloader.reload() == Change(["changed", "gone", "kept"], [], [], {"bad": "wrong"})
    assert reloader.parts() == {"bad": False, "changed": True, "gone": True, "kept": True}
    shelf.catalog = Catalog({"changed": new, "kept": kept, "new": Noting("new")})
    assert await reloader.reload() == Change(["new"], ["changed"], ["gone"], {})
    assert reloader.parts() == {"changed": True, "kept": True, "new": True}
    assert (old.closed, new.closed, kept.closed) == (True, False, False)


async def test_reloads_do_not_overtake_each_other_nor_end_with_their_callers() -> None:
    shelf = Shelf()
    reloader = Reloader(shelf, registry())
    shelf.open.clear()
    first = asyncio.create_task(reloader.reload())
    await shelf.begun.wait()
    first.cancel()
    second = asyncio.create_task(reloader.reload())
    shelf.catalog = Catalog({"a": Noting("a")})
    shelf.open.set()
    await second
    with suppress(asyncio.CancelledError):
        await first
    assert shelf.served == [[], ["a"]]
