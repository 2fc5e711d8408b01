"""Pages and deletion by filter over every record store, whatever is written meanwhile."""

import secrets
from collections.abc import Sequence

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search_service.filters import Filter, OneOf, holds
from search_service.images import Images
from search_service.ports import RecordStore
from search_service.values import Binding, Collection, IndexSpec, Metric, Record, Version
from tests.fakes_records import MemoryRecordStore
from tests.filter_trees import trees

ON_SERVERS = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
ids = st.text(alphabet="aB0._:/@-", min_size=1, max_size=6)
labels = st.sampled_from(("cat", "dog", 1.0, None))
names = st.sampled_from(("label", "n"))
images = st.dictionaries(ids, st.dictionaries(names, labels), max_size=30)
Wanted = dict[str, dict[str, object]]


async def a_collection(records: RecordStore) -> Collection:
    uid = secrets.token_hex(8)
    made = Collection(uid, f"c-{uid}", Metric.L2, IndexSpec(), (Binding("m", "f", 2, uid),))
    await records.prepare(made)
    await records.register(made, 60)
    return made


async def write(records: RecordStore, uid: str, wanted: Wanted) -> None:
    generations = await records.begin(uid, list(wanted))
    versions = [Version(image_id, "0" * 64, "", attributes) for image_id, attributes in wanted.items()]
    await records.commit(uid, 1, [Record(v, 1, 1, g) for v, g in zip(versions, generations, strict=True)])


async def all_pages(store: Images, name: str, size: int, condition: Filter | None) -> list[Sequence[str]]:
    pages: list[Sequence[str]] = []
    token = ""
    while True:
        page = await store.page(name, size, token, condition)
        pages.append([record.version.image_id for record in page.records])
        if not (token := page.next_token):
            return pages


@ON_SERVERS
@given(wanted=images, size=st.integers(1, 7), condition=st.none() | trees(names, labels))
async def test_pages_are_all_that_fit_by_id_each_once(
    records: RecordStore, wanted: Wanted, size: int, condition: Filter | None
) -> None:
    collection = await a_collection(records)
    if wanted:
        await write(records, collection.uid, wanted)
    pages = await all_pages(Images(records), collection.name, size, condition)
    fitting = [i for i, given in wanted.items() if condition is None or holds(condition, given)]
    assert [image_id for page in pages for image_id in page] == sorted(fitting, key=str.encode)
    assert all(len(page) <= size for page in pages)


@ON_SERVERS
@given(stay=images, come=images, size=st.integers(1, 5), data=st.data())
async def test_what_is_there_throughout_is_on_one_page_whatever_comes_and_goes(
    records: RecordStore, stay: Wanted, come: Wanted, size: int, data: st.DataObject
) -> None:
    collection = await a_collection(records)
    moving = {i: given for i, given in come.items() if i not in stay}
    if stay:
        await write(records, collection.uid, stay)
    seen, token, store = [], "", Images(records)
    while True:
        page = await store.page(collection.name, size, token, None)
        seen += [record.version.image_id for record in page.records]
        if not (token := page.next_token):
            break
        if moving:
            some = data.draw(st.lists(st.sampled_from(sorted(moving)), unique=True, max_size=3))
            if some:
                await write(records, collection.uid, {i: moving[i] for i in some})
            await records.delete(
                collection.uid, data.draw(st.lists(st.sampled_from(sorted(moving)), unique=True)) or ["-"]
            )
    assert len(seen) == len(set(seen))
    assert [i for i in seen if i in stay] == sorted(stay, key=str.encode)


@ON_SERVERS
@given(wanted=images, condition=trees(names, labels))
async def test_deletion_by_filter_takes_all_that_fit_and_nothing_else(
    records: RecordStore, wanted: Wanted, condition: Filter
) -> None:
    collection = await a_collection(records)
    if wanted:
        await write(records, collection.uid, wanted)
    store = Images(records)
    deleted = await store.delete(collection.name, [], condition, force=True)
    kept = [i for i, given in wanted.items() if not holds(condition, given)]
    assert deleted.count == len(wanted) - len(kept)
    assert [i for page in await all_pages(store, collection.name, 100, None) for i in page] == sorted(kept)


async def test_an_image_that_is_replaced_meanwhile_is_deleted_only_if_it_was_held_against_the_filter() -> None:
    """Between a page and the deletion of what fits on it, one image becomes something that does not fit."""

    class Overtaken(MemoryRecordStore):
        async def delete(self, uid: str, image_ids: Sequence[str], generations: Sequence[int] = ()) -> list[bool]:
            await write(self, uid, {"b": {"label": "final"}})
            return await super().delete(uid, image_ids, generations)

    records = Overtaken()
    collection = await a_collection(records)
    await write(records, collection.uid, {i: {"label": "draft"} for i in "abc"})
    deleted = await Images(records).delete(collection.name, [], OneOf("label", ["draft"]), force=True)
    assert deleted.count == 2
    (left,) = await records.page(collection.uid, "", 10)
    assert left.version.attributes == {"label": "final"}
