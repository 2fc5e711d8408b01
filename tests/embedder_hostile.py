"""Networks that do harm."""

import numpy as np

from tests.embedder_models import MEAN, network, node

GIB = 2**30


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
