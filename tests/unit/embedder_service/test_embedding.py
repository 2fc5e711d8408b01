"""The core, on the real decoder and small real networks."""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from embedder_service.decode_pool import DecoderPool
from embedder_service.embedding import EmbeddedImage, Embedder, ImageSource, Outcome
from embedder_service.geometry import Geometry
from embedder_service.line import Bounds, Line
from embedder_service.model_card import ModelCard
from embedder_service.onnx_model import Engine, OnnxModel
from embedder_service.ports import DecodedImage, ImageDecoder, ImageUndecodable, ModelNotFound, Observer, UriNotAllowed
from embedder_service.registry import Registry
from embedder_service.turnstile import Turnstile
from servicekit import errors
from tests import embedder_images as images
from tests import embedder_models
from tests.unit.embedder_service.conftest import NOTHING_ALLOWED

PICTURES = [images.noise(8, 8, seed=seed) for seed in range(3)]
SOURCES = [ImageSource(images.encode(picture, "PNG")) for picture in PICTURES]
BLACK = ImageSource(images.encode(np.zeros((8, 8, 3), np.uint8), "PNG"))
TEXT = ImageSource(b"no picture")

MakeEmbedder = Callable[..., Embedder]


class Gate(ImageDecoder):
    """The real decoder behind a gate, with a note of what it was asked for."""

    def __init__(self, decoder: ImageDecoder) -> None:
        self._decoder = decoder
        self.open = asyncio.Event()
        self.open.set()
        self.asked: list[Sequence[Geometry]] = []
        self.arrivals: asyncio.Queue[bytes] = asyncio.Queue()
        self.inside = 0
        self.most_inside = 0

    async def decode(self, content: bytes, geometries: Sequence[Geometry], *, bulk: bool = False) -> DecodedImage:
        self.asked.append(geometries)
        self.arrivals.put_nowait(content)
        self.inside += 1
        self.most_inside = max(self.inside, self.most_inside)
        try:
            await self.open.wait()
            return await self._decoder.decode(content, geometries, bulk=bulk)
        finally:
            self.inside -= 1


@pytest.fixture
def gate(decoder: DecoderPool) -> Gate:
    return Gate(decoder)


@pytest.fixture
def make(gate: Gate, thread: ThreadPoolExecutor) -> MakeEmbedder:
    def embedder(max_ahead: int = 4, max_waiting: int = 64, **networks: tuple[bytes, dict[str, Any]]) -> Embedder:
        engine = Engine(thread, threads=1, trial_seconds=10)
        models = {}
        for name, (content, preprocessing) in sorted((networks or NETWORKS).items()):
            card = ModelCard.model_validate(embedder_models.card(name, content, 3, **preprocessing))
            models[name] = OnnxModel(card, content, engine)
        bounds, places = Bounds(max_batch=8, max_waiting=max_waiting, max_ahead=max_ahead), Turnstile(1)
        return Embedder(Registry(models, lambda model: Line(model, places, bounds, Observer())), gate, NOTHING_ALLOWED)

    return embedder


AVERAGE = embedder_models.average_colour()
NETWORKS: dict[str, tuple[bytes, dict[str, Any]]] = {
    "average": (AVERAGE, {}),
    "bgr": (AVERAGE, {"colour_order": "BGR"}),
    "other_size": (embedder_models.average_colour(side=4), {"input_width_px": 4, "input_height_px": 4}),
}


def embedded(outcome: Outcome) -> EmbeddedImage:
    assert isinstance(outcome, EmbeddedImage), outcome
    return outcome


def failed(outcome: Outcome) -> errors.ServiceError:
    assert isinstance(outcome, errors.ServiceError), outcome
    return outcome


def fields(error: errors.ServiceError) -> list[str]:
    return [violation.field for violation in error.violations]


async def test_vectors_are_the_networks_own_with_length_1(make: MakeEmbedder) -> None:
    outcomes = await make().embed(SOURCES, ["average"])
    for picture, source, outcome in zip(PICTURES, SOURCES, outcomes, strict=True):
        average = picture.mean((0, 1))
        (embedding,) = embedded(outcome).embeddings
        np.testing.assert_allclose(embedding.vector, average / np.linalg.norm(average), rtol=1e-6)
        assert abs(np.linalg.norm(embedding.vector.astype(np.float64)) - 1) < 1e-6
        assert embedding.vector.dtype == np.float32
        assert embedded(outcome).image.content_sha256 == hashlib.sha256(source.content).hexdigest()


async def test_models_answer_in_the_order_asked_for(make: MakeEmbedder) -> None:
    (outcome,) = await make().embed(SOURCES[:1], ["bgr", "average"])
    bgr, average = embedded(outcome).embeddings
    assert (bgr.card.name, average.card.name) == ("bgr", "average")
    np.testing.assert_array_equal(bgr.vector, average.vector[::-1])


async def test_callers_who_name_models_in_other_orders_do_not_wait_for_each_other(make: MakeEmbedder) -> None:
    embedder = make(max_ahead=1)
    orders = (["bgr", "average"], ["average", "bgr"])
    async with asyncio.timeout(30):
        answers = await asyncio.gather(*(embedder.embed(SOURCES * 10, order) for order in orders))
    assert all(len(embedded(outcome).embeddings) == 2 for outcomes in answers for outcome in outcomes)


async def test_without_names_every_model_answers_in_order_of_name(make: MakeEmbedder) -> None:
    embedder = make()
    (outcome,) = await embedder.embed(SOURCES[:1], [])
    assert [embedding.card.name for embedding in embedded(outcome).embeddings] == ["average", "bgr", "other_size"]


async def test_a_picture_is_decoded_once_and_resized_once_a_size(make: MakeEmbedder, gate: Gate) -> None:
    await make().embed(SOURCES, [])
    assert gate.asked == [[Geometry(8, 8, "BILINEAR", 0), Geometry(4, 4, "BILINEAR", 0)]] * len(SOURCES)


async def test_a_bad_picture_fails_alone(make: MakeEmbedder) -> None:
    outcomes = await make().embed([SOURCES[0], TEXT, SOURCES[1], ImageSource(), ImageSource(uri="http://x/")], [])
    for at, source in ((0, SOURCES[0]), (2, SOURCES[1])):
        (alone,) = await make().embed([source], [])
        pairs = zip(embedded(outcomes[at]).embeddings, embedded(alone).embeddings, strict=True)
        assert all(np.array_equal(together.vector, apart.vector) for together, apart in pairs)
    assert isinstance(outcomes[1], ImageUndecodable)
    assert isinstance(outcomes[3], errors.InvalidField)
    assert isinstance(outcomes[4], UriNotAllowed)
    assert [fields(failed(outcomes[at])) for at in (1, 3, 4)] == [
        ["images[1].content"],
        ["images[3]"],
        ["images[4].uri"],
    ]
    assert failed(outcomes[1]).message.startswith("images[1].content: ")


async def test_pictures_that_are_all_bad_reach_no_network(make: MakeEmbedder) -> None:
    outcomes = await make().embed([TEXT, TEXT], [])
    assert [fields(failed(outcome)) for outcome in outcomes] == [["images[0].content"], ["images[1].content"]]


@pytest.mark.parametrize("network", [AVERAGE, embedder_models.relative_colour()], ids=["length zero", "not a number"])
async def test_a_vector_that_is_none_is_an_error_of_its_picture(make: MakeEmbedder, network: bytes) -> None:
    embedder = make(good=(embedder_models.average_colour(bias=1), {}), silent=(network, {}))
    outcomes = await embedder.embed([SOURCES[0], BLACK, SOURCES[1]], [])
    assert isinstance(outcomes[1], errors.Internal)
    assert outcomes[1].message == "images[1]: no vector came out of silent"
    assert [len(embedded(outcomes[at]).embeddings) for at in (0, 2)] == [2, 2]


@pytest.mark.parametrize("count", [0, 65])
async def test_a_batch_has_1_to_64_pictures(make: MakeEmbedder, count: int) -> None:
    with pytest.raises(errors.InvalidField, match=f"images: has {count} images; 1 to 64") as caught:
        await make(max_waiting=1000).embed(SOURCES[:1] * count, [])
    assert fields(caught.value) == ["images"]


async def test_64_pictures_are_a_batch(make: MakeEmbedder) -> None:
    outcomes = await make().embed(SOURCES[:1] * 64, ["average"])
    assert len([embedded(outcome) for outcome in outcomes]) == 64


async def test_an_unknown_model_is_not_found(make: MakeEmbedder) -> None:
    with pytest.raises(ModelNotFound) as caught:
        await make().embed(SOURCES, ["average", "x" * 1000])
    assert caught.value.resource == errors.Resource("model", "x" * 64)


async def test_a_model_named_twice_is_refused(make: MakeEmbedder) -> None:
    with pytest.raises(errors.InvalidField) as caught:
        await make().embed(SOURCES, ["average", "bgr", "average"])
    assert fields(caught.value) == ["models[2]"]


async def test_over_the_bound_pictures_are_refused_until_others_are_done(make: MakeEmbedder, gate: Gate) -> None:
    embedder = make(max_waiting=64)
    gate.open.clear()
    waiting = asyncio.create_task(embedder.embed(SOURCES[:1] * 62, ["average"]))
    await gate.arrivals.get()
    with pytest.raises(errors.Overloaded) as caught:
        await embedder.embed(SOURCES, ["average"])
    assert caught.value.message == "62 images are waiting already; the limit is 64"
    assert caught.value.retry_after_seconds is not None
    gate.open.set()
    await waiting
    assert len(await embedder.embed(SOURCES, ["average"])) == 3


async def test_a_call_that_is_given_up_gives_its_places_back(make: MakeEmbedder, gate: Gate) -> None:
    embedder = make(max_waiting=64)
    gate.open.clear()
    waiting = asyncio.create_task(embedder.embed(SOURCES[:1] * 64, ["average"]))
    await gate.arrivals.get()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert gate.inside == 0
    gate.open.set()
    assert len(await embedder.embed(SOURCES[:1] * 64, ["average"])) == 64
    assert len(gate.asked) == 4 + 64  # four were with the decoder; those that waited never got there


async def test_no_more_pictures_are_decoded_ahead_than_may_be(make: MakeEmbedder, gate: Gate) -> None:
    embedder = make(max_ahead=3, max_waiting=128)
    await asyncio.gather(*(embedder.embed(SOURCES * 4, ["average"]) for _ in range(5)))
    assert gate.most_inside == 3
