"""What is read of a picture's file."""

import os
from pathlib import Path

import pytest

from likeness.errors import LikenessError
from likeness.photos import MAX_IMAGE_BYTES, read


def test_a_file_is_read_whole_up_to_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"x")
    os.truncate(file, MAX_IMAGE_BYTES)
    assert len(read(file)) == MAX_IMAGE_BYTES


def test_a_file_over_the_limit_is_refused_with_both_figures(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"x")
    os.truncate(file, MAX_IMAGE_BYTES + 1)
    with pytest.raises(LikenessError) as caught:
        read(file)
    assert caught.value.reason == "IMAGE_TOO_LARGE"
    assert "20,971,521" in caught.value.message
    assert "20,971,520" in caught.value.message


def test_what_cannot_be_read_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "link.png").symlink_to(tmp_path / "nowhere")
    for name in ("pipe.png", "folder.png", "link.png"):
        with pytest.raises(LikenessError) as caught:
            read(tmp_path / name)
        assert caught.value.reason == "FILE_UNREADABLE"
        assert str(tmp_path) not in caught.value.message
