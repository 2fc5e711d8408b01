"""Models that are replaced while they are in use."""

import asyncio
from collections.abc import Sequence

import numpy as np
import pytest

from embedder_service.line import Bounds, Line
from embedder_service.model_card import ModelCard
from embedder_service.ports import Model, ModelNotFound, Observer, Pixels, Vectors
from embedder_service.registry import Registry
from embedder_service.turnstile import Turnstile
from servicekit import errors
from tests import embedder_models


class Plain(Model):
    """Answers with zeros, and knows whether it is closed."""

    def __init__(self, name: str) -> None:
        self._card = ModelCard.model_validate(embedder_models.card(name, b"", 3))
        self.closed = False

    @property
    def card(self) -> ModelCard:
        return self._card

    async def infer(self, images: Sequence[Pixels], *, alone: bool = True) -> Vectors:
        assert not self.closed
        return np.zeros((len(images), 3), np.float32)

    def close(self) -> None:
        self.closed = True


def open_line(model: Model) -> Line:
    return Line(model, Turnstile(1), Bounds(max_batch=1, max_waiting=64, max_ahead=2), Observer())


async def test_a_model_that_is_replaced_is_closed_once_its_last_call_is_over() -> None:
    before, after = Plain("m"), Plain("m")
    registry = Registry({"m": before}, open_line)
    with registry.lend(["m"]) as (line,):
        replacing = asyncio.create_task(registry.replace({"m": after}))
        await asyncio.sleep(0)
        with registry.lend(["m"]) as (new,):
            assert new.model is after
        await line.infer(np.zeros((8, 8, 3), np.uint8))
        assert not before.closed
    await replacing
    assert before.closed
    assert not after.closed


async def test_a_model_that_stays_keeps_its_queue() -> None:
    stays, goes = Plain("a"), Plain("b")
    registry = Registry({"a": stays, "b": goes}, open_line)
    with registry.lend(["a"]) as (line,):
        await registry.replace({"a": stays})
        with registry.lend([]) as lines:
            assert lines == [line]
    assert (stays.closed, goes.closed) == (False, True)


async def test_models_are_known_by_name_in_order() -> None:
    registry = Registry({"b": Plain("b"), "a": Plain("a")}, open_line)
    await registry.check()
    assert [card.name for card in registry.cards()] == ["a", "b"]
    assert registry.card("b").name == "b"
    with pytest.raises(ModelNotFound):
        registry.card("x")


async def test_with_no_model_nothing_can_be_done() -> None:
    registry = Registry({"a": Plain("a")}, open_line)
    await registry.close()
    with pytest.raises(errors.Unavailable), registry.lend([]):
        pass
    with pytest.raises(errors.Unavailable):
        await registry.check()
