"""Ids from paths: always permitted, always the same, never shared."""

import os
import re

from hypothesis import example, given
from hypothesis import strategies as st

from likeness.image_ids import image_id_of, readable, typed_id

PERMITTED = re.compile(r"[A-Za-z0-9._:/@-]{1,128}")

# Few distinct pieces, so that generated paths come near each other; some look like what the rule itself writes.
PIECES = st.sampled_from(["a", "@", "@20", " ", "é", "\udcff", "/", "40", "@@", ":", "%", "x" * 60, "\n", "."])
PATHS = st.lists(PIECES, min_size=1, max_size=12).map("".join)


def unescaped(image_id: str) -> bytes:
    return re.sub(rb"@([0-9A-F]{2})", lambda match: bytes.fromhex(match[1].decode()), image_id.encode())


@given(PATHS)
def test_an_id_is_one_that_the_service_permits(path: str) -> None:
    assert PERMITTED.fullmatch(image_id_of(path))


@given(PATHS)
def test_a_short_id_spells_its_path(path: str) -> None:
    image_id = image_id_of(path)
    if "@@" not in image_id:
        assert unescaped(image_id) == os.fsencode(path)


@given(st.sets(PATHS, max_size=40))
@example({"a b", "a@20b", "a@4020b"})
@example({"x" * 128, "x" * 129, "x" * 130})
def test_no_two_paths_share_an_id(paths: set[str]) -> None:
    assert len({image_id_of(path) for path in paths}) == len(paths)


@given(PATHS)
def test_a_path_that_is_spelled_like_another_ones_id_has_an_id_of_its_own(path: str) -> None:
    image_id = image_id_of(path)
    assert image_id == path or image_id_of(image_id) != image_id


def test_examples() -> None:
    assert image_id_of("2024/beach-1.jpg") == "2024/beach-1.jpg"
    assert image_id_of("my cat.jpg") == "my@20cat.jpg"
    assert image_id_of("é@.png") == "@C3@A9@40.png"
    long = image_id_of("x" * 129)
    assert (len(long), long[:64]) == (128, "x" * 62 + "@@")


@given(PATHS)
def test_a_typed_path_or_id_means_the_picture(path: str) -> None:
    image_id = image_id_of(path)
    assert typed_id(image_id) == image_id
    if not PERMITTED.fullmatch(path):
        assert typed_id(path) == image_id


@given(PATHS)
def test_what_is_shown_leads_back_to_the_id(path: str) -> None:
    shown = readable(image_id_of(path))
    assert shown.isprintable()
    assert image_id_of(path) in (shown, image_id_of(shown))


def test_a_path_is_shown_as_it_was() -> None:
    for path in ("with space.jpg", "é/ü.png", "a@b.jpg", "plain/a-1.png"):
        assert readable(image_id_of(path)) == path
    for image_id in ("a@0Ab.jpg", "a@FF.png", "sku@zz", "a@2D", "x" * 62 + "@@" + "0" * 64):
        assert readable(image_id) == image_id
