"""Models change under calls that go on."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

from embedder_service.model_card import ModelCard
from embedder_service.ports import Catalog, Model, ModelSource, Pixels, Vectors
from embedder_service.reloading import Change, Reloader
from embedder_service.roster import Roster
from tests import embedder_models


class Noting(Model):
    """Says whether it was closed."""

    def __init__(self, name: str) -> None:
        self._card = ModelCard.model_validate(embedder_models.card(name, b"network", 3))
        self.closed = asyncio.Event()

    @property
    def card(self) -> ModelCard:
        return self._card

    async def infer(self, images: Sequence[Pixels]) -> Vectors:
        raise NotImplementedError

    async def close(self) -> None:
        self.closed.set()


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


async def test_a_model_that_nobody_uses_is_closed_at_once() -> None:
    old, new, kept = Noting("a"), Noting("a"), Noting("b")
    roster = Roster({"a": old, "b": kept})
    await roster.replace({"a": new, "b": kept})
    assert roster.models == {"a": new, "b": kept}
    assert old.closed.is_set()
    assert not new.closed.is_set()
    assert not kept.closed.is_set()


async def test_a_model_that_calls_use_is_closed_after_the_last_of_them() -> None:
    used, idle, last = Noting("used"), Noting("idle"), Noting("last")
    roster = Roster({"used": used, "idle": idle, "last": last})
    with roster.hold([used]):
        with roster.hold([used]):
            replacing = asyncio.create_task(roster.replace({"last": last}))
            async with asyncio.timeout(10):
                await idle.closed.wait()
        await roster.replace({})
        assert last.closed.is_set()
        assert not used.closed.is_set()
    async with asyncio.timeout(10):
        await replacing
    assert used.closed.is_set()


async def test_a_call_that_fails_lets_go_of_its_models_too() -> None:
    old = Noting("a")
    roster = Roster({"a": old})
    with suppress(ValueError), roster.hold([old]):
        raise ValueError
    async with asyncio.timeout(10):
        await roster.close()
    assert old.closed.is_set()


async def test_a_reload_says_what_has_changed() -> None:
    shelf, roster = Shelf(), Roster()
    reloader = Reloader(shelf, roster)
    kept, old, new = Noting("kept"), Noting("changed"), Noting("changed")
    shelf.catalog = Catalog({"changed": old, "gone": Noting("gone"), "kept": kept}, {"bad": "wrong"})
    assert await reloader.reload() == Change(["changed", "gone", "kept"], [], [], {"bad": "wrong"})
    assert reloader.parts() == {"bad": False, "changed": True, "gone": True, "kept": True}
    shelf.catalog = Catalog({"changed": new, "kept": kept, "new": Noting("new")})
    assert await reloader.reload() == Change(["new"], ["changed"], ["gone"], {})
    assert reloader.parts() == {"changed": True, "kept": True, "new": True}


async def test_reloads_do_not_overtake_each_other_nor_end_with_their_callers() -> None:
    shelf, roster = Shelf(), Roster()
    reloader = Reloader(shelf, roster)
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
