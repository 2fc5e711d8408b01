"""Files that change: taken once they have settled, whole or not at all."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from servicekit.watched import Unusable, Watched


def parse(contents: Sequence[bytes]) -> str:
    text = b"+".join(contents).decode()
    if "bad" in text or not all(contents):
        raise Unusable("no good")
    return text


@pytest.fixture
def watched(tmp_path: Path) -> Watched[str]:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    return Watched("letters", [tmp_path / "a", tmp_path / "b"], parse)


def test_a_change_counts_once_two_looks_have_seen_it(watched: Watched[str]) -> None:
    watched.look([b"x", b"b"])
    assert watched.value == "a+b"
    watched.look([b"x", b"y"])
    assert watched.value == "a+b", "half of it was still to come"
    watched.look([b"x", b"y"])
    assert watched.value == "x+y"


def test_what_is_no_good_changes_nothing_and_what_comes_after_it_counts(watched: Watched[str]) -> None:
    for found in ([b"bad", b"b"], [b"", b"b"]):
        watched.look(found)
        watched.look(found)
        assert watched.value == "a+b"
    watched.look([b"c", b"b"])
    watched.look([b"c", b"b"])
    assert watched.value == "c+b"


def test_what_stays_the_same_is_the_same_value(watched: Watched[str]) -> None:
    before = watched.value
    watched.look([b"a", b"b"])
    watched.look([b"a", b"b"])
    assert watched.value is before


def test_at_the_start_it_must_be_good(tmp_path: Path) -> None:
    with pytest.raises(Unusable, match="letters: no good"):
        Watched("letters", [tmp_path / "nothing"], parse)
