"""Networks and pictures that do harm."""

import numpy as np

from tests import embedder_images as images
from tests.embedder_models import MEAN, network, node

MIB, GIB = 2**20, 2**30


def huge() -> bytes:
    """Wants 32 GiB, in vain: eight billion zeros, of which one is taken."""
    zeros = node("ConstantOfShape", ["count"], ["zeros"])
    some = node("Slice", ["zeros", "start", "end"], ["zero"])
    total = node("Add", ["mean", "zero"], ["feature"])
    return network(MEAN, zeros, some, total, count=np.array([8 * GIB]), start=np.array([0]), end=np.array([1]))


def uninterruptible() -> bytes:
    """One multiplication of 2^45 steps: a node that does not look whether it is told to stop."""
    row = node("ConstantOfShape", ["row"], ["a"])
    column = node("ConstantOfShape", ["column"], ["b"])
    product = node("MatMul", ["a", "b"], ["many"])
    most = node("ReduceMax", ["many"], ["most"], keepdims=0)
    total = node("Add", ["mean", "most"], ["feature"])
    side = 2**15
    return network(MEAN, row, column, product, most, total, row=np.array([side, side]), column=np.array([side, side]))


def hostile_pictures(good: bytes) -> dict[bytes, str]:
    """Return pictures, each with the reason for which it must be refused; none where it is merely odd."""
    texts = b"".join(images.chunk(b"tEXt", b"Comment\0%d" % at) for at in range(50_000))
    png = images.encode(images.noise(8, 8), "PNG")
    after_header = 33
    return {
        images.progressive_jpeg(7_000, 7_000, 2_000): "IMAGE_TOO_COMPLEX",
        images.progressive_jpeg(2_000, 2_000, 99): "",
        images.black_png(7_071, 7_072): "IMAGE_TOO_LARGE",
        images.black_png(65_536, 8): "IMAGE_TOO_LARGE",
        images.black_png(65_535, 1): "",
        images.png(1, 1, 8, images.GREY, b"\0\0", zTXt=b"a\0\0" + images.deflate_zeros(200 * MIB)): "IMAGE_UNDECODABLE",
        png[:after_header] + texts + png[after_header:]: "",
        b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n": "IMAGE_UNDECODABLE",
        good[: len(good) // 2]: "IMAGE_UNDECODABLE",
        b"\0" * 100_000: "IMAGE_UNDECODABLE",
    }
