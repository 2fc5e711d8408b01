"""Pictures whose bytes are indexed already, over the stores' twins."""

from dataclasses import replace

import numpy as np
import pytest

from search_service.contents import Contents
from search_service.ports import CollectionNotFound, ImageNotFound
from search_service.query import Query
from search_service.values import Outcome
from search_service.writer import Known, NewImage
from servicekit.errors import InvalidField
from tests.unit.search_service.conftest import Core, new_image, vector_of


def bare(image_id: str, seed: int, **attributes: object) -> NewImage:
    """Return an image that comes without vectors."""
    return replace(new_image(image_id, seed, **attributes), vectors=[], width_px=0, height_px=0, reuse=True)


@pytest.fixture
def contents(core: Core) -> Contents:
    return Contents(core.records, core.vectors)


async def test_what_is_known_of_an_image_is_told_apart(core: Core) -> None:
    await core.put(new_image("x", 1))
    images = [new_image("x", 1), new_image("x", 1, label="new"), new_image("y", 1), new_image("z", 2)]
    known = [(await core.writer.check("c", [image.version], [None]))[1] for image in images]
    content = Known(unchanged=False, content=True, missing_models=[])
    assert known == [
        [Known(unchanged=True, content=True, missing_models=())],
        [content],
        [content],
        [Known(unchanged=False, content=False, missing_models=["a", "b"])],
    ]


async def test_a_known_content_is_written_without_vectors(core: Core) -> None:
    await core.put(new_image("x", 1))
    assert await core.put(bare("y", 1), new_image("z", 2), bare("x", 1, label="new")) == [
        Outcome.CREATED,
        Outcome.CREATED,
        Outcome.UPDATED,
    ]
    assert (await core.found(1))[:2] == ["x", "y"]
    collection = await core.records.collection("c")
    (copy,) = await core.records.read(collection.uid, ["y"])
    assert copy is not None
    assert (copy.width_px, copy.height_px) == (4, 3)
    for binding in collection.bindings:
        row = core.vectors.spaces[binding.space][copy.key]
        assert np.array_equal(row.vector, vector_of(binding.model, 1).vector)


async def test_a_content_that_is_gone_is_not_written_and_the_rest_is(core: Core) -> None:
    await core.put(new_image("x", 1))
    await core.images.delete("c", ["x"], None, force=False)
    assert await core.put(bare("y", 1), new_image("z", 2)) == [Outcome.GONE, Outcome.CREATED]
    assert await core.put(bare("y", 1)) == [Outcome.GONE]
    assert await core.found(1) == ["z"]


async def test_a_record_without_all_of_its_rows_gives_no_vectors(core: Core) -> None:
    await core.put(new_image("x", 1))
    list(core.vectors.spaces.values())[1].clear()
    assert await core.put(bare("y", 1)) == [Outcome.GONE]


async def test_an_unchanged_image_needs_no_vectors(core: Core) -> None:
    await core.put(new_image("x", 1))
    core.vectors.down = True
    assert await core.put(bare("x", 1)) == [Outcome.UNCHANGED]


async def test_a_write_that_lost_to_its_own_like_is_unchanged(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a second attempt at a write whose first is still under way."""
    insert = core.vectors.insert

    async def overtaken(space: str, rows: object) -> None:
        monkeypatch.undo()
        await insert(space, rows)  # type: ignore[arg-type]
        await core.put(new_image("x", 1), new_image("y", 3))

    monkeypatch.setattr(core.vectors, "insert", overtaken)
    assert await core.put(new_image("x", 1), new_image("y", 2)) == [Outcome.UNCHANGED, Outcome.CONFLICT]


async def test_a_hash_must_be_one(core: Core, contents: Contents) -> None:
    image = new_image("x", 1)
    for sha256 in ("", "A" * 64, "1" * 63):
        with pytest.raises(InvalidField, match="content_sha256"):
            await core.put(replace(image, version=replace(image.version, content_sha256=sha256)))
        with pytest.raises(InvalidField, match="content_sha256"):
            await contents.find("c", sha256)


async def test_a_content_is_found_by_its_hash(core: Core, contents: Contents) -> None:
    await core.put(new_image("x", 1))
    collection, holder = await contents.find("c", f"{1:064x}")
    assert collection.name == "c"
    assert holder is not None
    assert holder.version.image_id == "x"
    assert (await contents.find("c", f"{2:064x}"))[1] is None
    with pytest.raises(CollectionNotFound):
        await contents.find("none", f"{1:064x}")


@pytest.mark.parametrize("exclude_self", [False, True])
async def test_a_search_by_content_is_the_search_by_its_vectors(core: Core, exclude_self: bool) -> None:
    await core.put(*(new_image(f"x{seed}", seed) for seed in range(9)), new_image("twin", 3))
    sha256 = f"{3:064x}"
    given = Query("c", [vector_of(model, 3) for model in "ab"], content_sha256=sha256, exclude_self=exclude_self)
    by_content = await core.index.search(Query("c", content_sha256=sha256, exclude_self=exclude_self))
    assert by_content == await core.index.search(given)
    assert ("twin" in {hit.image_id for hit in by_content.fused}) is not exclude_self


@pytest.mark.parametrize("loss", ["image", "rows", "store"])
async def test_a_content_whose_vectors_cannot_be_had_is_not_found(core: Core, loss: str) -> None:
    await core.put(new_image("x", 1))
    if loss == "image":
        await core.images.delete("c", ["x"], None, force=False)
    elif loss == "rows":
        list(core.vectors.spaces.values())[1].clear()
    else:
        core.vectors.down = {list(core.vectors.spaces)[1]}
    with pytest.raises(ImageNotFound):
        await core.index.search(Query("c", content_sha256=f"{1:064x}"))
