"""Vectors that were looked up: what is kept, and that it stays within its bound."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_service.values import RowKey, Vector
from search_service.vector_cache import VectorCache

ENTRY_BYTES = 1024 * 4 + 500


def key(number: int) -> RowKey:
    return RowKey("image", number)


def vector(number: int) -> Vector:
    return np.full(1024, number, np.float32)


def kept(cache: VectorCache, *numbers: int, space: str = "a") -> set[int]:
    return {found.generation for found in cache.get(space, list(map(key, numbers)))}


def test_what_was_put_is_found_and_nothing_else() -> None:
    cache = VectorCache(10 * ENTRY_BYTES)
    cache.put("a", {key(1): vector(1)})
    (found,) = cache.get("a", [key(1), key(2)]).items()
    assert found[0] == key(1)
    np.testing.assert_array_equal(found[1], vector(1))


def test_a_key_of_another_space_is_another() -> None:
    cache = VectorCache(10 * ENTRY_BYTES)
    cache.put("a", {key(1): vector(1)})
    assert kept(cache, 1, space="b") == set()


def test_what_was_used_last_stays() -> None:
    cache = VectorCache(2 * ENTRY_BYTES)
    cache.put("a", {key(1): vector(1), key(2): vector(2)})
    assert kept(cache, 1) == {1}
    cache.put("a", {key(3): vector(3)})
    assert kept(cache, 1, 2, 3) == {1, 3}


@pytest.mark.parametrize("max_bytes", [0, ENTRY_BYTES - 1])
def test_nothing_is_kept_where_there_is_no_room(max_bytes: int) -> None:
    cache = VectorCache(max_bytes)
    cache.put("a", {key(1): vector(1)})
    assert kept(cache, 1) == set()


def test_rows_that_are_deleted_are_forgotten() -> None:
    cache = VectorCache(10 * ENTRY_BYTES)
    cache.put("a", {key(1): vector(1), key(2): vector(2)})
    cache.forget("a", [key(1), key(9)])
    assert kept(cache, 1, 2) == {2}


def test_a_space_that_is_dropped_is_forgotten() -> None:
    cache = VectorCache(10 * ENTRY_BYTES)
    for space in "ab":
        cache.put(space, {key(1): vector(1)})
    cache.forget("a")
    assert (kept(cache, 1), kept(cache, 1, space="b")) == (set(), {1})


@given(st.lists(st.integers(0, 9)), st.integers(0, 5))
def test_the_last_used_are_kept_as_far_as_they_fit(numbers: list[int], room: int) -> None:
    cache = VectorCache(room * ENTRY_BYTES)
    for number in numbers:
        cache.put("a", {key(number): vector(number)})
    last_used = list(dict.fromkeys(reversed(numbers)))
    assert kept(cache, *range(10)) == set(last_used[:room])
