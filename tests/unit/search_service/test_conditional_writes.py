"""Writes of images that must have been last written at a certain time."""

from dataclasses import replace

import pytest

from search_service.values import Binding, Expected, Outcome, Record
from search_service.writer import Known, NewImage
from servicekit.errors import BackendUnavailable
from tests.unit.search_service.conftest import Core, new_image, vector_of

CREATED, UPDATED, UNCHANGED, STALE = Outcome.CREATED, Outcome.UPDATED, Outcome.UNCHANGED, Outcome.STALE


async def time_of(core: Core, image_id: str) -> int:
    record = await core.images.get("c", image_id)
    return record.update_ms


def only_if(image: NewImage, time: int, write_id: str = "") -> NewImage:
    return replace(image, expected=Expected(time, write_id))


async def check(core: Core, image: NewImage) -> Known:
    _, (known,) = await core.writer.check("c", [image.version], [image.expected])
    assert isinstance(known, Known)
    return known


async def test_a_write_lands_only_on_what_it_expects(core: Core) -> None:
    await core.put(new_image("x", 1), new_image("y", 2))
    x, y = await time_of(core, "x"), await time_of(core, "y")
    assert await core.put(only_if(new_image("x", 3), x), only_if(new_image("y", 3), y - 1), new_image("z", 4)) == [
        UPDATED,
        STALE,
        CREATED,
    ]
    assert (await core.images.get("c", "y")).version == new_image("y", 2).version
    assert await core.put(only_if(new_image("none", 1), x)) == [STALE]


async def test_what_is_this_already_is_unchanged_only_at_the_time_expected(core: Core) -> None:
    await core.put(new_image("x", 1))
    first = await time_of(core, "x")
    assert await core.put(only_if(new_image("x", 1), first)) == [UNCHANGED]
    assert await time_of(core, "x") == first
    assert (await check(core, only_if(new_image("x", 1), first))).unchanged
    assert await core.put(only_if(new_image("x", 1), first - 1)) == [STALE]
    assert (await check(core, only_if(new_image("x", 1), first - 1))).stale


async def test_the_same_write_again_finds_itself(core: Core) -> None:
    """Its first answer was lost. Another one that writes the very same is not it."""
    await core.put(new_image("x", 1))
    first = await time_of(core, "x")
    write = only_if(new_image("x", 2), first, "this")
    assert await core.put(write) == [UPDATED]
    assert await core.put(write) == [UNCHANGED]
    assert (await check(core, write)).unchanged
    for write_id in ("other", ""):
        assert await core.put(only_if(new_image("x", 2), first, write_id)) == [STALE]
    assert await core.put(only_if(new_image("x", 3), first, "this")) == [STALE]
    await core.put(new_image("x", 1))
    await core.put(new_image("x", 2))
    assert await core.put(write) == [STALE], "others have written meanwhile, though it be the same"


async def test_a_write_that_another_overtakes_does_not_undo_it(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    await core.put(new_image("x", 1))
    write = only_if(new_image("x", 1, label="old"), await time_of(core, "x"))
    insert = core.vectors.insert

    async def overtaken(space: str, rows: object) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(core.vectors, "insert", insert)
            await core.put(new_image("x", 1, label="new"))
        await insert(space, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(core.vectors, "insert", overtaken)
    assert await core.put(write) == [STALE]
    assert (await core.images.get("c", "x")).version.attributes == {"label": "new"}
    monkeypatch.setattr(core.vectors, "insert", insert)
    core.records.now_ms += 5_000
    await core.sweeper.sweep()
    assert core.rows() == 2


async def test_a_commit_whose_answer_is_lost_is_found_by_the_next_attempt(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    await core.put(new_image("x", 1))
    write = only_if(new_image("x", 2), await time_of(core, "x"), "this")
    commit = core.records.commit

    async def lost(uid: str, revision: int, records: list[Record], expected_ms: list[int | None]) -> list[Outcome]:
        await commit(uid, revision, records, expected_ms)
        raise BackendUnavailable("no answer")

    with monkeypatch.context() as patch:
        patch.setattr(core.records, "commit", lost)
        with pytest.raises(BackendUnavailable):
            await core.put(write)
    assert await core.put(write) == [UNCHANGED]


async def test_a_model_is_fed_on_condition_with_the_vectors_that_are_there(core: Core) -> None:
    await core.put(new_image("x", 1), new_image("y", 2))
    time = await time_of(core, "x")
    await core.models.add("c", Binding("new", "print-new", 8))
    vector = replace(vector_of("a", 1), model="new", fingerprint="print-new")
    fed = replace(only_if(new_image("x", 1), time, "this"), vectors=[vector], reuse=True)
    known = await check(core, fed)
    assert (known.unchanged, known.stale, list(known.missing_models)) == (False, False, ["new"])
    assert await core.put(fed) == [UPDATED]
    assert await core.put(fed) == [UNCHANGED]
    coverage = await core.records.coverage((await core.records.collection("c")).uid)
    assert coverage.images == 2
    assert sorted(coverage.by_tag.values()) == [1, 2, 2]
