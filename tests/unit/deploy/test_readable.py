from pathlib import Path

import pytest

from deploy.local import readable
from deploy.local.errors import StackError


def test_prefixes_are_remembered_until_others_are(tmp_path: Path) -> None:
    assert readable.chosen(tmp_path, [], none=False) == ()
    readable.remember(tmp_path, ["file:///a/", "https://b.example/"])
    assert readable.chosen(tmp_path, [], none=False) == ("file:///a/", "https://b.example/")
    assert readable.chosen(tmp_path, ["file:///c/"], none=False) == ("file:///c/",)
    assert readable.chosen(tmp_path, [], none=True) == ()


@pytest.mark.parametrize("prefix", ["", " ", "file:///my photos/"])
def test_what_the_setting_would_part_is_no_prefix(tmp_path: Path, prefix: str) -> None:
    with pytest.raises(StackError, match="--uri-prefix"):
        readable.chosen(tmp_path, [prefix], none=False)


def test_the_embedder_gets_them_in_its_setting() -> None:
    assert readable.environment(["file:///a/", "file:///b/"]) == {
        "LIKENESS_EMBEDDER_URI_PREFIXES": "file:///a/ file:///b/"
    }
    assert readable.environment([]) == {}
