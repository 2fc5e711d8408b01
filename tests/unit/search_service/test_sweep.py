"""A sweep works off all that is old enough, however much that is."""

from tests.unit.search_service.conftest import Core, new_image

MANY = 1200


async def test_one_sweep_works_off_every_tombstone_and_every_intent(core: Core) -> None:
    uid = (await core.catalogue.get("c")).collection.uid
    ids = [f"x{i}" for i in range(MANY)]
    await core.put(new_image("kept"))
    await core.records.begin(uid, ids)
    await core.records.delete(uid, ids)
    core.records.now_ms += 200_000
    await core.sweeper.sweep()
    assert await core.records.expire(uid, 0, MANY) == (0, 0)
    assert (await core.images.get("c", "kept")).version.image_id == "kept"
    core.records.now_ms += 200_000
    assert await core.sweeper.sweep() == MANY
