"""Small copies of pictures, and what has none."""

import base64
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from likeness.thumbnails import Thumbnails

RED, BLUE = (200, 30, 30), (30, 30, 200)


def halves(width: int, height: int) -> Image.Image:
    """Return a picture that is red on the left and blue on the right."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def decoded(source: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(source.partition(";base64,")[2])))


def near(pixel: object, colour: tuple[int, ...], tolerance: int = 12) -> bool:
    return bool(np.abs(np.subtract(np.asarray(pixel)[: len(colour)], colour)).max() <= tolerance)


def test_the_longer_side_is_240_and_the_shape_stays(tmp_path: Path) -> None:
    halves(1200, 800).save(tmp_path / "a.jpg")
    small = decoded(Thumbnails().small((tmp_path / "a.jpg").as_uri()))
    assert (small.format, small.size) == ("JPEG", (240, 160))
    assert decoded(Thumbnails().large((tmp_path / "a.jpg").as_uri())).size == (480, 320)


def test_a_small_picture_is_not_enlarged(tmp_path: Path) -> None:
    halves(30, 20).save(tmp_path / "a.bmp")
    assert decoded(Thumbnails().small((tmp_path / "a.bmp").as_uri())).size == (30, 20)


@pytest.mark.parametrize(("orientation", "turn"), [(3, 180), (6, 90), (8, -90)])
def test_a_turned_picture_is_shown_upright(tmp_path: Path, orientation: int, turn: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    halves(400, 200).rotate(turn, expand=True).save(tmp_path / "a.jpg", exif=exif)
    small = decoded(Thumbnails().small((tmp_path / "a.jpg").as_uri()))
    assert small.size == (240, 120)
    assert near(small.getpixel((20, 60)), RED)
    assert near(small.getpixel((220, 60)), BLUE)


def test_holes_stay_holes(tmp_path: Path) -> None:
    image = halves(40, 20).convert("RGBA")
    image.putpixel((0, 0), (0, 0, 0, 0))
    image.save(tmp_path / "a.png")
    small = decoded(Thumbnails().small((tmp_path / "a.png").as_uri()))
    assert (small.format, small.mode) == ("PNG", "RGBA")
    assert small.getpixel((0, 0))[3] == 0  # type: ignore[index]


def test_sixteen_bits_are_scaled_and_not_clipped(tmp_path: Path) -> None:
    Image.fromarray(np.full((20, 20), 0x8000, dtype=np.uint16)).save(tmp_path / "a.png")
    assert near(decoded(Thumbnails().small((tmp_path / "a.png").as_uri())).getpixel((10, 10)), (128, 128, 128), 2)


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "CMYK"])
def test_every_mode_has_a_thumbnail(tmp_path: Path, mode: str) -> None:
    file = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    halves(40, 20).convert(mode).save(file)
    assert decoded(Thumbnails().small(file.as_uri())).size == (40, 20)


def test_a_path_with_anything_in_it_is_found(tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + "/é %41 #?".encode() + b"\xff"))
    folder.mkdir()
    halves(40, 20).save(folder / "a.png")
    assert Thumbnails().small((folder / "a.png").as_uri())


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "a.png",
        "https://example.com/a.png",
        "file://elsewhere/a.png",
        "file:///",
        "file:///dev/zero",
        "file:///nowhere.png",
        "file:///%00.png",
        "file://[/a.png",
        "data:image/png;base64,AAAA",
    ],
)
def test_an_address_that_names_no_picture_here_has_none(uri: str) -> None:
    assert Thumbnails().small(uri) == ""


def png_of(width: int, height: int) -> bytes:
    header = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = (header, b"IDAT" + zlib.compress(b"\0" * 100), b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) for chunk in chunks
    )


@pytest.mark.parametrize("content", [b"", b"text", png_of(20_000, 15_000), png_of(100, 100)], ids=len)
def test_a_damaged_or_huge_file_has_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.png").write_bytes(content)
    assert Thumbnails().small((tmp_path / "a.png").as_uri()) == ""
