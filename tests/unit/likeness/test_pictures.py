"""What a program hands over arrives as the same picture: Pillow reads what was made, and did not make it."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from likeness.errors import LikenessError
from likeness.pictures import encoded
from tests import embedder_images as images

RGB = images.noise(5, 7)


def decoded(content: bytes) -> Image.Image:
    return Image.open(BytesIO(content))


@pytest.mark.parametrize("given", [bytes, bytearray, memoryview])
def test_bytes_are_sent_as_they_are(given: Any) -> None:
    assert encoded(given(b"anything")) == b"anything"


@pytest.mark.parametrize("given", [str, Path])
def test_a_path_is_read(given: Any, tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"a file")
    assert encoded(given(tmp_path / "photo.jpg")) == b"a file"


@pytest.mark.parametrize(
    ("array", "mode"),
    [
        (RGB, "RGB"),
        (images.noise(5, 7, 4), "RGBA"),
        (images.noise(5, 7, 2), "LA"),
        (RGB[:, :, 0], "L"),
        (RGB[:, :, :1], "L"),
        (RGB[::-1, ::2], "RGB"),
        (np.asfortranarray(RGB), "RGB"),
        (images.noise(1, 1), "RGB"),
    ],
    ids=["RGB", "RGBA", "grey and alpha", "grey", "one channel", "a view", "columns first", "one pixel"],
)
def test_an_array_becomes_a_png_of_its_pixels(array: Any, mode: str) -> None:
    image = decoded(encoded(array))
    assert (image.format, image.mode, image.size) == ("PNG", mode, (array.shape[1], array.shape[0]))
    np.testing.assert_array_equal(np.asarray(image).reshape(array.shape), array)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "F"])
def test_an_image_of_any_mode_becomes_its_colours(mode: str) -> None:
    image = Image.fromarray(RGB).convert(mode)
    np.testing.assert_array_equal(np.asarray(decoded(encoded(image)).convert("RGB")), np.asarray(image.convert("RGB")))


def test_an_image_of_sixteen_bits_keeps_them() -> None:
    """The server scales them to eight, where Pillow would cut them off."""
    samples = images.noise(5, 7, 2).view(np.uint16)[:, :, 0]
    np.testing.assert_array_equal(np.asarray(decoded(encoded(Image.fromarray(samples)))), samples)


def test_an_image_stays_turned_as_its_exif_says() -> None:
    file = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(images.smooth(20, 40)).save(file, "JPEG", exif=exif)
    opened = decoded(file.getvalue())
    sent = decoded(encoded(opened))
    assert ImageOps.exif_transpose(sent).size == (20, 40)
    np.testing.assert_array_equal(
        np.asarray(ImageOps.exif_transpose(sent)), np.asarray(ImageOps.exif_transpose(opened))
    )


@pytest.mark.parametrize(
    "given",
    [RGB.astype(np.float32), images.noise(5, 7, 5), RGB[0, 0], RGB[:0], 7, None, object()],
    ids=["floats", "five channels", "one axis", "no pixels", "a number", "nothing", "an object"],
)
def test_what_is_no_picture_is_refused(given: Any) -> None:
    with pytest.raises(LikenessError) as caught:
        encoded(given)
    assert (caught.value.code, caught.value.reason) == ("INVALID_ARGUMENT", "INVALID_FIELD")


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(LikenessError, match=r"gone\.jpg") as caught:
        encoded(tmp_path / "gone.jpg")
    assert caught.value.reason == "FILE_UNREADABLE"


def test_an_image_whose_file_ends_early_is_refused() -> None:
    whole = images.encode(images.noise(64, 64), "PNG")
    with pytest.raises(LikenessError, match="cannot be encoded") as caught:
        encoded(decoded(whole[: len(whole) // 2]))
    assert caught.value.reason == "INVALID_FIELD"
