"""What a model says of itself: the contents of model.toml, checked, and the fingerprint that follows from them."""

import hashlib
import json
from functools import lru_cache
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from embedder_service.geometry import Geometry

_STRICT = ConfigDict(frozen=True, extra="forbid", strict=True)
_MAX_SIDE_PX = 4096
_RAW_PIXELS = (1.0, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

Side = Annotated[int, Field(ge=1, le=_MAX_SIDE_PX)]
# Zero has one sign here: what is equal has one fingerprint.
Real = Annotated[FiniteFloat, AfterValidator(lambda number: number + 0.0)]
Triple = Annotated[tuple[Real, Real, Real], Field(strict=False)]
PositiveFloat = Annotated[FiniteFloat, Field(gt=0)]
PositiveTriple = Annotated[tuple[PositiveFloat, PositiveFloat, PositiveFloat], Field(strict=False)]


class Preprocessing(BaseModel):
    """All that is needed to reproduce a vector; the fields are those of likeness.v1.Preprocessing."""

    model_config = _STRICT

    input_width_px: Side
    input_height_px: Side
    resize_mode: Literal["stretch", "shorter_side"]
    resize_filter: Literal["NEAREST", "BOX", "BILINEAR", "HAMMING", "BICUBIC", "LANCZOS"]
    resize_px: int = Field(ge=0, le=_MAX_SIDE_PX)
    crop: Literal["none", "centre"]
    colour_order: Literal["RGB", "BGR"]
    scale: PositiveFloat
    mean: Triple
    std: PositiveTriple
    layout: Literal["NCHW", "NHWC"]
    dtype: Literal["float32", "uint8"]
    output_tensor: str = Field(min_length=1)
    pooling: Literal["none", "average", "max"]
    normalisation: Literal["l2"]
    decoding: Literal["exact", "scaled"] = "exact"

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.resize_mode == "stretch" and (self.resize_px != 0 or self.crop != "none"):
            raise ValueError("resize_mode 'stretch' goes with resize_px = 0 and crop = 'none'")
        if self.resize_mode == "shorter_side" and self.crop != "centre":
            raise ValueError("resize_mode 'shorter_side' goes with crop = 'centre'")
        if self.crop == "centre" and self.resize_px < max(self.input_width_px, self.input_height_px):
            raise ValueError("resize_px is smaller than the input that is cut out")
        if self.dtype == "uint8" and (self.scale, self.mean, self.std) != _RAW_PIXELS:
            raise ValueError("dtype 'uint8' takes pixels as they are: scale = 1, mean = [0, 0, 0], std = [1, 1, 1]")
        return self

    @property
    def geometry(self) -> Geometry:
        """The part that is done to the picture itself."""
        size = self.input_width_px, self.input_height_px
        return Geometry(*size, self.resize_filter, self.resize_px, scaled=self.decoding == "scaled")


class ModelCard(BaseModel):
    """The contents of model.toml."""

    model_config = _STRICT

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    description: str
    license: str
    source: str
    onnx_sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    dimension: int = Field(ge=1, le=32_768)
    preprocessing: Preprocessing

    @property
    def fingerprint(self) -> str:
        """SHA-256, in hex, of `onnx_sha256` and of every field of `preprocessing` as JSON with sorted keys.

        But for `decoding` where it is "exact": models of before that field have the fingerprints that they had.
        """
        return _fingerprint(self.onnx_sha256, self.preprocessing)


# Every answer carries it.
@lru_cache
def _fingerprint(onnx_sha256: str, preprocessing: Preprocessing) -> str:
    left_out = {"decoding"} if preprocessing.decoding == "exact" else set()
    fields = json.dumps(preprocessing.model_dump(exclude=left_out), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(f"{onnx_sha256}\n{fields}".encode()).hexdigest()
