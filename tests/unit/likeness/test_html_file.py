"""A page never takes the place of what is none."""

from pathlib import Path

import pytest

from likeness.errors import LikenessError
from likeness.html_file import writer


@pytest.mark.parametrize("content", ["", "<!DOCTYPE html>\n<p>", "\ufeff  <html>", "<!-- saved -->\n<html>"])
def test_a_page_is_replaced(tmp_path: Path, content: str) -> None:
    page = tmp_path / "page.html"
    page.write_text(content, encoding="utf-8")
    writer(page, None)


def test_a_new_file_and_a_device_may_be_written(tmp_path: Path) -> None:
    writer(tmp_path / "new.html", Path("-"))
    writer(Path("/dev/null"), None)


def test_the_picture_that_is_looked_for_is_kept(tmp_path: Path) -> None:
    picture, link = tmp_path / "q.jpg", tmp_path / "link.jpg"
    picture.write_bytes(b"")
    link.symlink_to(picture)
    for file in (picture, link):
        with pytest.raises(LikenessError, match="is the picture that is looked for") as caught:
            writer(file, picture)
        assert caught.value.reason == "FILE_EXISTS"


def test_another_file_is_kept(tmp_path: Path) -> None:
    other = tmp_path / "other.jpg"
    other.write_bytes(b"\xff\xd8\xff\xe0 JFIF <html>")
    with pytest.raises(LikenessError, match="is there already, and is no page"):
        writer(other, tmp_path / "q.jpg")
