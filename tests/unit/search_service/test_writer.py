"""The write path, step by step, with a writer that dies at each."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from search_service.ports import DuplicateId, FingerprintMismatch
from search_service.values import Outcome
from search_service.writer import NewImage, Writer
from servicekit import deadline
from servicekit.errors import BackendUnavailable, DeadlineExceeded, InvalidField
from tests.unit.search_service.conftest import Core, new_image


class Killed(BaseException):
    """The process died here."""


def die(*_: object, **__: object) -> Awaitable[None]:
    raise Killed


def die_in_space(core: Core, letter: int) -> Callable[..., Awaitable[None]]:
    """Return an insert that dies in one model's space, after the other's may have been written."""
    insert = core.vectors.insert
    fatal = list(core.vectors.spaces)[letter]

    async def dying(space: str, rows: object) -> None:
        if space == fatal:
            raise Killed
        await insert(space, rows)  # type: ignore[arg-type]

    return dying


async def test_outcomes(core: Core) -> None:
    assert await core.put(new_image("x", 1), new_image("y", 2)) == [Outcome.CREATED] * 2
    assert await core.put(new_image("x", 1), new_image("y", 3), new_image("z", 4)) == [
        Outcome.UNCHANGED,
        Outcome.UPDATED,
        Outcome.CREATED,
    ]
    assert await core.put(new_image("x", 1, label="new")) == [Outcome.UPDATED]


async def test_unchanged_images_write_nothing(core: Core) -> None:
    await core.put(new_image("x", 1, n=1.0, m={"k": [True, None]}))
    core.vectors.down = True
    assert await core.put(new_image("x", 1, m={"k": [True, None]}, n=1.0)) == [Outcome.UNCHANGED]


async def test_an_update_shows_only_the_new_version_and_is_swept(core: Core) -> None:
    await core.put(new_image("x", 1))
    await core.put(new_image("x", 2))
    assert core.rows() == 4
    assert await core.found(1) == ["x"]
    assert await core.sweeper.sweep() == 0, "a search under way may still want the row"
    core.records.now_ms += 5_000
    assert await core.sweeper.sweep() == 1
    assert core.rows() == 2


@pytest.mark.parametrize("step", ["begin", "insert-first", "insert-second", "commit"])
@pytest.mark.parametrize("replacing", [False, True])
async def test_a_writer_that_dies_leaves_the_old_version_whole(
    core: Core, monkeypatch: pytest.MonkeyPatch, step: str, replacing: bool
) -> None:
    if replacing:
        await core.put(new_image("x", 1))
    before = core.rows()
    with monkeypatch.context() as patch:
        if step.startswith("insert"):
            patch.setattr(core.vectors, "insert", die_in_space(core, 0 if step == "insert-first" else 1))
        else:
            patch.setattr(core.records, step, die)
        with pytest.raises(Killed):
            await core.put(new_image("x", 2))
    assert await core.found(2) == (["x"] if replacing else [])
    for _ in range(2):
        core.records.now_ms += 200_000
        await core.sweeper.sweep()
    assert core.rows() == before
    assert await core.put(new_image("x", 2)) == [Outcome.UPDATED if replacing else Outcome.CREATED]
    assert await core.found(2) == ["x"]


async def test_a_sweep_leaves_writes_alone_that_may_still_commit(core: Core) -> None:
    collection = await core.records.collection("c")
    (generation,) = await core.records.begin(collection.uid, ["x"])
    core.records.now_ms += 99_000
    await core.sweeper.sweep()
    assert await core.records.garbage(collection.uid, 0, 10) == []
    assert generation == 1


async def test_a_failed_store_fails_the_write_and_a_retry_heals_it(core: Core) -> None:
    core.vectors.down = True
    with pytest.raises(BackendUnavailable):
        await core.put(new_image("x", 1))
    core.vectors.down = False
    assert await core.found(1) == []
    assert await core.put(new_image("x", 1)) == [Outcome.CREATED]


async def test_a_write_that_takes_too_long_ends_as_a_passed_deadline(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(core.vectors, "insert", hang)
    hasty = Writer(core.records, core.vectors, write_timeout_seconds=0.01)
    with pytest.raises(DeadlineExceeded, match="in stage search"):
        async with deadline.limit(60):
            await hasty.upsert("c", [new_image("x", 1)])
    assert await core.found(1) == []


async def test_a_write_that_a_delete_overtook_is_refused(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    insert = core.vectors.insert

    async def overtaken(space: str, rows: object) -> None:
        await insert(space, rows)  # type: ignore[arg-type]
        await core.images.delete("c", ["x"], None, force=False)

    monkeypatch.setattr(core.vectors, "insert", overtaken)
    assert await core.put(new_image("x", 1)) == [Outcome.CONFLICT]
    assert await core.found(1) == []
    core.records.now_ms += 5_000
    await core.sweeper.sweep()
    assert core.rows() == 0


async def test_rows_put_back_behind_our_back_are_never_served(core: Core) -> None:
    await core.put(new_image("x", 1))
    stolen = {space: dict(rows) for space, rows in core.vectors.spaces.items()}
    await core.put(new_image("x", 2))
    await core.images.delete("c", ["x"], None, force=False)
    core.records.now_ms += 5_000
    await core.sweeper.sweep()
    core.vectors.spaces.update(stolen)
    assert await core.found(1) == []


async def test_one_id_twice_is_refused_by_name(core: Core) -> None:
    with pytest.raises(DuplicateId) as refused:
        await core.put(new_image("x", 1), new_image("y", 2), new_image("x", 3))
    (violation,) = refused.value.violations
    assert (violation.field, violation.description) == ("images[2].image_id", "'x' is the id of images[0] too")
    assert refused.value.message == "images[2].image_id: 'x' is the id of images[0] too"


def with_version(image: NewImage, **changes: object) -> NewImage:
    return replace(image, version=replace(image.version, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("image", "field"),
    [
        (new_image(""), "images[0].image_id"),
        (new_image("a b"), "images[0].image_id"),
        (new_image('a" or 1==1'), "images[0].image_id"),
        (new_image("x" * 129), "images[0].image_id"),
        (with_version(new_image("x"), uri="ü" * 1025), "images[0].uri"),
        (new_image("x", text="y" * 16384), "images[0].attributes"),
        (new_image("x", number=float("nan")), "images[0].attributes"),
        (replace(new_image("x"), vectors=new_image("x").vectors[:1]), "images[0].embeddings"),
        (replace(new_image("x"), vectors=[*new_image("x").vectors] * 2), "images[0].embeddings"),
        (new_image("x", **{"": 1}), "images[0].attributes"),
        (new_image("x", **{"y" * 129: 1}), "images[0].attributes"),
    ],
)
async def test_an_image_that_breaks_a_rule_is_refused_with_its_field(core: Core, image: NewImage, field: str) -> None:
    with pytest.raises(InvalidField) as refused:
        await core.put(image)
    assert refused.value.violations[0].field == field


@pytest.mark.parametrize("spoil", [lambda v: v * 2, lambda v: v * float("nan"), lambda v: v[:-1], lambda v: v * 0])
async def test_a_vector_that_is_none_is_refused(core: Core, spoil: Callable[..., object]) -> None:
    image = new_image("x")
    vectors = [replace(image.vectors[0], vector=spoil(image.vectors[0].vector)), image.vectors[1]]  # type: ignore[arg-type]
    with pytest.raises(InvalidField, match="embeddings"):
        await core.put(replace(image, vectors=vectors))


async def test_a_vector_of_another_fingerprint_is_refused(core: Core) -> None:
    image = new_image("x")
    vectors = [replace(vector, fingerprint="other") for vector in image.vectors]
    with pytest.raises(FingerprintMismatch):
        await core.put(replace(image, vectors=vectors))


async def test_batches_are_bounded(core: Core) -> None:
    with pytest.raises(InvalidField, match=r"^images: has 0 images; 1 to 64 are taken$"):
        await core.put()
    with pytest.raises(InvalidField, match=r"^images: has 65 images; 1 to 64 are taken$"):
        await core.put(*(new_image(f"x{i}", i) for i in range(65)))
