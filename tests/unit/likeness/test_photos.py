"""What is found in folders, and what is read of it."""

import os
from pathlib import Path

import pytest

from likeness.errors import LikenessError
from likeness.photos import MAX_IMAGE_BYTES, find, read


def make(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"content")


def ids(*directories: Path) -> list[str]:
    return [photo.image_id for photo in find(directories, label_from_folder=False)]


def test_pictures_are_known_by_their_extension_in_every_folder(tmp_path: Path) -> None:
    pictures = ["a.JPG", "b.jpeg", "c.jpe", "d.mpo", "e.png", "f.WebP", "g.gif", "h.bmp"]
    make(tmp_path, *pictures, "deep/er/i.png", "notes.txt", "archive.jpg.zip", "jpg")
    assert ids(tmp_path) == [*pictures, "deep/er/i.png"]


def test_the_order_is_that_of_names(tmp_path: Path) -> None:
    make(tmp_path, "b/2.png", "a/9.png", "b/1.png", "c.png")
    assert ids(tmp_path) == ["c.png", "a/9.png", "b/1.png", "b/2.png"]


def test_a_picture_says_where_it_is(tmp_path: Path) -> None:
    make(tmp_path, "my cats/é 1.png")
    (photo,) = find([tmp_path], label_from_folder=True)
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
    with pytest.raises(LikenessError, match="same name"):
        ids(tmp_path / "a" / "cats", tmp_path / "b" / "cats")


def test_a_name_that_is_no_text_can_be_sent(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    make(folder, "1.png")
    (photo,) = find([tmp_path], label_from_folder=True)
    assert photo.image_id == "@FF/1.png"
    assert photo.attributes["label"].encode() == "\N{REPLACEMENT CHARACTER}".encode()
    assert photo.uri.endswith("/%FF/1.png")


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
