import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from deploy.local import album
from deploy.local.errors import StackError

COUNT = len(album.PHOTOGRAPHS)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("built") / "album"
    album.build(directory)
    return directory


def picture(path: Path) -> Image.Image:
    with Image.open(path) as opened:
        return opened.convert("RGB")


def values(image: Image.Image) -> "np.ndarray[tuple[int, ...], np.dtype[np.float64]]":
    return np.asarray(image, dtype=np.float64)


def test_each_photograph_has_a_folder_of_nine_pictures(built: Path) -> None:
    folders = sorted(path.name for path in built.iterdir())
    assert folders == sorted(name.partition(".")[0] for name in album.PHOTOGRAPHS)
    assert {len(list(folder.iterdir())) for folder in built.iterdir()} == {9}


def test_every_picture_can_be_decoded_and_none_is_another(built: Path) -> None:
    files = sorted(path for path in built.rglob("*") if path.is_file())
    assert len({hashlib.sha256(path.read_bytes()).digest() for path in files}) == len(files) == 9 * COUNT
    for path in files:
        assert min(picture(path).size) >= 100, path


def test_the_picture_to_search_with_is_there(built: Path) -> None:
    assert (built / album.QUERY).is_file()


@pytest.mark.parametrize(
    ("name", "redone"),
    [
        ("crop", lambda image: image.crop((45, 30, 406, 270))),
        ("flip", lambda image: Image.fromarray(np.asarray(image)[:, ::-1])),
        ("brighter", lambda image: Image.fromarray(np.minimum(values(image) * 1.4, 255).astype(np.uint8))),
        ("low-quality", lambda image: image),
    ],
)
def test_an_edit_is_what_its_name_says(built: Path, name: str, redone: Callable[[Image.Image], Image.Image]) -> None:
    """Redone with numpy, and equal up to what JPEG loses."""
    wanted, edited = redone(picture(built / "chelsea" / "original.png")), picture(built / "chelsea" / f"{name}.jpg")
    assert edited.size == wanted.size
    assert np.abs(values(edited) - values(wanted)).mean() < 6.0


def test_the_other_edits_change_what_they_should(built: Path) -> None:
    original = picture(built / "chelsea" / "original.png")
    edits = {
        name: picture(built / "chelsea" / f"{name}.jpg") for name in ("half-size", "grayscale", "blur", "rotation")
    }
    assert edits["half-size"].size == (original.width // 2, original.height // 2)
    grey = values(edits["grayscale"])
    assert np.abs(grey - grey.mean(axis=2, keepdims=True)).max() == 0
    assert roughness(edits["blur"]) < roughness(original) / 2
    # Turned about the centre: the corners come from outside, the centre stays.
    turned = values(edits["rotation"])
    assert turned[0, 0].max() < 30
    assert np.abs(turned[148:152, 223:227] - values(original)[148:152, 223:227]).mean() < 30


def roughness(image: Image.Image) -> float:
    return float(np.abs(np.diff(values(image), axis=1)).mean())


def test_an_album_is_not_written_over_another(built: Path) -> None:
    with pytest.raises(FileExistsError):
        album.build(built)


def test_a_missing_photograph_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(album, "PHOTOGRAPHS", ("nowhere.png",))
    with pytest.raises(StackError, match=r"nowhere\.png"):
        album.build(tmp_path)
