"""Batches of a stream, and how much of it is unanswered."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from gateway.backlog import Backlog, Work
from gateway.ports import Entry
from gateway.window import Window
from tests.fakes_gateway import picture


def work(item_id: str, image_id: str, size_bytes: int = 1) -> Work:
    return Work(item_id, Entry(0, image_id, picture(b""), "", None), size_bytes)


def names(batch: list[Work]) -> list[str]:
    return [each.item_id for each in batch]


def test_batches_are_bounded_by_number_and_by_bytes() -> None:
    backlog = Backlog(batch_images=3, batch_bytes=10)
    sizes = [4, 5, 2, 1, 1, 1, 1, 30, 1]
    for i, size in enumerate(sizes):
        backlog.add(work(str(i), str(i), size))
    batches = [names(backlog.take()) for _ in range(6)]
    assert batches == [["0", "1"], ["2", "3", "4"], ["5", "6"], ["7"], ["8"], []]


def test_it_is_full_once_there_is_a_whole_batch() -> None:
    for size, count in ((1, 3), (5, 2)):
        backlog = Backlog(batch_images=3, batch_bytes=10)
        fullness = []
        for i in range(count):
            backlog.add(work(str(i), str(i), size))
            fullness.append(backlog.full)
        assert fullness == [False] * (count - 1) + [True]
        backlog.take()
        assert not backlog.full


def test_an_id_that_is_under_way_waits() -> None:
    backlog = Backlog(batch_images=9, batch_bytes=99)
    for item, image in (("1", "a"), ("2", "a"), ("3", "b"), ("4", "a")):
        backlog.add(work(item, image))
    first = backlog.take()
    assert names(first) == ["1", "3"]
    assert not backlog.startable
    assert not backlog.empty
    backlog.done(first)
    second = backlog.take()
    assert names(second) == ["2"]
    backlog.done(second)
    third = backlog.take()
    assert names(third) == ["4"]
    backlog.done(third)
    assert backlog.empty


def test_images_whose_id_nobody_knows_yet_do_not_wait_for_each_other() -> None:
    backlog = Backlog(batch_images=9, batch_bytes=99)
    for item in "12":
        backlog.add(work(item, ""))
    assert names(backlog.take()) == ["1", "2"]


STEPS = st.lists(st.one_of(st.sampled_from("abc"), st.just("take"), st.just("done")), max_size=60)


@given(STEPS)
def test_nothing_is_lost_and_ids_keep_their_order(steps: list[str]) -> None:
    backlog = Backlog(batch_images=2, batch_bytes=99)
    added: list[tuple[str, int]] = []
    under_way: list[list[Work]] = []
    finished: list[Work] = []
    for step in [*steps, *["done", "take"] * 2 * len(steps), *["done"] * 2 * len(steps)]:
        if step == "take":
            under_way.append(backlog.take())
        elif step == "done":
            if under_way:
                backlog.done(batch := under_way.pop(0))
                finished += batch
        else:
            backlog.add(work(str(len(added)), step))
            added.append((step, len(added)))
        active = Counter(each.entry.image_id for batch in under_way for each in batch)
        assert all(count == 1 for count in active.values())
    assert backlog.empty
    done = [(each.entry.image_id, int(each.item_id)) for each in finished]
    for image_id in "abc":
        assert [pair for pair in done if pair[0] == image_id] == [pair for pair in added if pair[0] == image_id]


def test_a_window_lets_one_item_over_its_bound_in_and_warns_once() -> None:
    window = Window(items=4, size_bytes=1000)
    assert [window.enter(1) for _ in range(4)] == [False] * 4
    assert window.open
    assert window.enter(1) is True
    assert not window.open
    window.leave(1)
    assert window.enter(1) is False, "it has been told"
    for _ in range(3):
        window.leave(1)
    assert [window.enter(1) for _ in range(3)] == [False, False, True]


def test_a_window_is_bounded_by_bytes_but_for_one_item() -> None:
    window = Window(items=9, size_bytes=10)
    window.enter(500)
    assert not window.open
    window.leave(500)
    assert window.open
    window.enter(9)
    assert window.open
    window.enter(1)
    assert not window.open
