"""What a decoder says of a picture. Light: the decoders' own processes hold nothing that they do not need."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

UNDECODABLE, TOO_LARGE, TOO_COMPLEX = "undecodable", "too_large", "too_complex"


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a picture may be. All but the first are read from the header, before anything is decoded."""

    max_bytes: int
    max_pixels: int
    max_side_px: int
    max_jpeg_scans: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that was read."""

    width_px: int
    """Of the whole picture, after EXIF orientation."""
    height_px: int
    format: str
    content_sha256: str
    pixels: Sequence[bytes]
    """RGB, one for each geometry asked for."""


class Refused(Exception):
    """The picture is at fault: which kind of fault, what to tell its owner, and the figures."""

    def __init__(self, kind: str, problem: str, figures: Mapping[str, str] | None = None) -> None:
        super().__init__(problem)
        self.kind = kind
        self.problem = problem
        self.figures = dict(figures or {})
