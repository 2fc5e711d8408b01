"""What goes into a network, made from pixels, and what is taken of its output."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from embedder_service.model_card import Preprocessing
from embedder_service.ports import Pixels, Vectors


class InputBuilder:
    """Writes pictures into the tensor that a network takes: (pixel * scale - mean) / std, in its layout and order."""

    def __init__(self, preprocessing: Preprocessing) -> None:
        sides = preprocessing.input_height_px, preprocessing.input_width_px
        self._channels_first = preprocessing.layout == "NCHW"
        self.shape = (3, *sides) if self._channels_first else (*sides, 3)
        self._dtype = np.dtype(preprocessing.dtype)
        self._order = slice(None, None, 1 if preprocessing.colour_order == "RGB" else -1)
        std = np.array(preprocessing.std)
        channels = (3, 1, 1) if self._channels_first else (3,)
        self._factor = (preprocessing.scale / std).astype(np.float32).reshape(channels)
        self._offset = (np.array(preprocessing.mean) / std).astype(np.float32).reshape(channels)

    def build(self, images: Sequence[Pixels]) -> npt.NDArray[np.generic]:
        """Return [len(images), *shape] of the network's dtype."""
        batch = np.empty((len(images), *self.shape), self._dtype)
        for image, target in zip(images, batch, strict=True):
            ordered = image[..., self._order]
            self._write(np.moveaxis(ordered, 2, 0) if self._channels_first else ordered, target)
        return batch

    def _write(self, pixels: Pixels, target: npt.NDArray[np.generic]) -> None:
        if self._dtype == np.uint8:
            target[...] = pixels
        else:
            np.multiply(pixels, self._factor, out=target)
            np.subtract(target, self._offset, out=target)


def pool(output: npt.NDArray[np.generic], preprocessing: Preprocessing) -> Vectors:
    """Return one row a picture: the output as it is, or its average or maximum over the spatial axes."""
    values = output.astype(np.float32, copy=False)
    if preprocessing.pooling == "none":
        return values
    axes = (2, 3) if preprocessing.layout == "NCHW" else (1, 2)
    pooled: Vectors = values.mean(axes) if preprocessing.pooling == "average" else values.max(axes)
    return pooled
