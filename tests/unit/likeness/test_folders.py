"""What is found in folders."""

import os
from pathlib import Path

import pytest

from likeness.errors import LikenessError
from likeness.folders import find


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"content")


def ids(*directories: Path) -> list[str]:
    return [photo.image_id for photo in find(directories, label_from_folder=False).photos]


def test_pictures_are_known_by_their_extension_in_every_folder(tmp_path: Path) -> None:
    pictures = ["a.JPG", "b.jpeg", "c.jpe", "d.mpo", "e.png", "f.WebP", "g.gif", "h.bmp"]
    make(tmp_path, *pictures, "deep/er/i.png", "notes.txt", "archive.jpg.zip", "jpg")
    assert ids(tmp_path) == [*pictures, "deep/er/i.png"]


def test_the_order_is_that_of_names(tmp_path: Path) -> None:
    make(tmp_path, "b/2.png", "a/9.png", "b/1.png", "c.png")
    assert ids(tmp_path) == ["c.png", "a/9.png", "b/1.png", "b/2.png"]


def test_a_picture_says_where_it_is(tmp_path: Path) -> None:
    make(tmp_path, "my cats/é 1.png")
    (photo,) = find([tmp_path], label_from_folder=True).photos
    assert photo.uri == (tmp_path / "my cats" / "é 1.png").as_uri()
    assert photo.attributes == {"label": "my cats"}
    assert photo.size_bytes == 7


def test_ids_begin_with_the_folder_where_there_are_several(tmp_path: Path) -> None:
    make(tmp_path, "cats/1.png", "dogs/1.png")
    assert ids(tmp_path / "dogs", tmp_path / "cats") == ["dogs/1.png", "cats/1.png"]
    assert ids(tmp_path / "dogs") == ["1.png"]


def test_a_folder_is_the_same_however_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, "cats/1.png")
    monkeypatch.chdir(tmp_path / "cats")
    relative = find([Path()], label_from_folder=True)
    assert relative == find([tmp_path / "cats"], label_from_folder=True)


def test_two_folders_of_one_name_are_refused(tmp_path: Path) -> None:
    make(tmp_path, "a/cats/1.png", "b/cats/1.png")
    with pytest.raises(LikenessError, match=r"a/cats and .*b/cats are both named 'cats'"):
        ids(tmp_path / "a" / "cats", tmp_path / "b" / "cats")


def test_a_folder_that_cannot_be_looked_into_is_named_and_the_others_are_found(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "z/b.png")
    # Deeper than a path may be long, which stops root too.
    folder = os.open(tmp_path, os.O_RDONLY)
    for _ in range(20):
        os.mkdir("d" * 250, dir_fd=folder)
        deeper = os.open("d" * 250, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        folder = deeper
    os.close(folder)
    found = find([tmp_path], label_from_folder=False)
    assert [photo.image_id for photo in found.photos] == ["a.png", "z/b.png"]
    ((path, error),) = found.unreadable
    assert path.is_relative_to(tmp_path / ("d" * 250))
    assert error.reason == "FILE_UNREADABLE"
    assert error.message == "the folder cannot be read: File name too long"


def test_files_that_are_no_pictures_are_counted_by_extension(tmp_path: Path) -> None:
    make(tmp_path, "a.png", "b.HEIC", "c/d.heic", "c/e.txt", "README")
    assert find([tmp_path], label_from_folder=False).skipped == {".heic": 2, ".txt": 1, "": 1}


def test_a_name_that_is_no_text_can_be_sent(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    make(folder, "1.png")
    (photo,) = find([tmp_path], label_from_folder=True).photos
    assert photo.image_id == "@FF/1.png"
    assert photo.attributes["label"].encode() == "\N{REPLACEMENT CHARACTER}".encode()
    assert photo.uri.endswith("/%FF/1.png")
