"""An album with no download: the photographs that scikit-image brings, and eight edits of each."""

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType

from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from deploy.local.errors import StackError

# Of its data, those that are photographs of the world: no drawings, scans or pictures from microscopes.
PHOTOGRAPHS = (
    "astronaut.png",
    "brick.png",
    "camera.png",
    "chelsea.png",
    "clock_motion.png",
    "coffee.png",
    "coins.png",
    "grass.png",
    "gravel.png",
    "hubble_deep_field.jpg",
    "moon.png",
    "motorcycle_left.png",
    "rocket.jpg",
)
# A picture of the album that is worth searching with.
QUERY = Path("chelsea", "original.png")
_QUALITY = 92
_LOW_QUALITY = 20
_TURN_DEGREES = 7


def is_readable(path: Path) -> bool:
    """Say whether a file is a whole picture."""
    try:
        with Image.open(path) as image:
            image.load()
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return False
    return True


def _crop(image: Image.Image) -> Image.Image:
    """Cut out the middle, 80 % of each side."""
    width, height = image.size
    return image.crop((width // 10, height // 10, width - width // 10, height - height // 10))


def _half_size(image: Image.Image) -> Image.Image:
    return image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS)


def _brighter(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(1.4)


def _rotation(image: Image.Image) -> Image.Image:
    return image.rotate(_TURN_DEGREES, Image.Resampling.BICUBIC)


def _blur(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(3))


EDITS: Mapping[str, Callable[[Image.Image], Image.Image]] = MappingProxyType(
    {
        "crop": _crop,
        "half-size": _half_size,
        "brighter": _brighter,
        "flip": ImageOps.mirror,
        "rotation": _rotation,
        "low-quality": Image.Image.copy,
        "grayscale": ImageOps.grayscale,
        "blur": _blur,
    }
)


def build(directory: Path) -> None:
    """Write the album: a folder for each photograph, with the photograph as it is and its edits as JPEG files.

    Raises:
        StackError: scikit-image is not installed, or lacks a photograph.
    """
    source = _source()
    for name in PHOTOGRAPHS:
        photograph = source / name
        if not photograph.is_file():
            raise StackError(f"scikit-image brings no {name}: install the version of requirements/local.lock")
        _write_folder(photograph, directory / photograph.stem)


def _write_folder(photograph: Path, folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / f"original{photograph.suffix}").write_bytes(photograph.read_bytes())
    with Image.open(photograph) as opened:
        image = opened.convert("RGB")
    for name, edit in EDITS.items():
        quality = _LOW_QUALITY if name == "low-quality" else _QUALITY
        edit(image).save(folder / f"{name}.jpg", quality=quality)


def _source() -> Path:
    # Found, not imported: importing it takes seconds, and its files are all that is wanted.
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise StackError("the built-in album needs scikit-image: install the extra `local`, or give --photos")
    return Path(spec.origin).with_name("data")
