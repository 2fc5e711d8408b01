"""What becomes of a decoded picture before a model sees it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Geometry:
    """The size that a model wants, and how a picture gets there."""

    width_px: int
    height_px: int
    filter: str
    """Pillow's name of the resampling filter."""
    shorter_side_px: int
    """Resize the shorter side to this, keep the aspect and cut the middle out; 0: stretch to width and height."""
    scaled: bool = False
    """Whether a JPEG may be decoded at a half, a quarter or an eighth of its size: quicker, and other pixels."""
