"""Networks that do harm are loaded in a process of their own first, and never in the server's."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from embedder_service.model_card import ModelCard
from embedder_service.onnx_model import try_network
from embedder_service.ports import ModelUnusable
from embedder_service.trial import Trial
from tests import embedder_models
from tests.embedder_models import MEAN, card, network, node, write

GIB = 2**30


def crash(card: ModelCard, content: bytes) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def lie(card: ModelCard, content: bytes) -> None:
    """End without a word, as if all were well."""
    os._exit(0)


def huge() -> bytes:
    """Wants 32 GiB, in vain: eight billion zeros, of which one is taken."""
    zeros = node("ConstantOfShape", ["count"], ["zeros"])
    some = node("Slice", ["zeros", "start", "end"], ["zero"])
    total = node("Add", ["mean", "zero"], ["feature"])
    return network(MEAN, zeros, some, total, count=np.array([8 * GIB]), start=np.array([0]), end=np.array([1]))


def uninterruptible() -> bytes:
    """One multiplication of 2^48 steps: a node that does not look whether it is told to stop."""
    row = node("ConstantOfShape", ["row"], ["a"])
    column = node("ConstantOfShape", ["column"], ["b"])
    product = node("MatMul", ["a", "b"], ["many"])
    most = node("ReduceMax", ["many"], ["most"], keepdims=0)
    total = node("Add", ["mean", "most"], ["feature"])
    side = 2**15
    return network(MEAN, row, column, product, most, total, row=np.array([side, side]), column=np.array([side, side]))


def tried(where: Path, content: bytes, seconds: float = 30, memory_bytes: int = 4 * GIB) -> None:
    Trial(try_network, seconds, memory_bytes)(write(where, card("m", content, 3), content))


def test_a_good_folder_passes(tmp_path: Path) -> None:
    tried(tmp_path, embedder_models.average_colour())


@pytest.mark.parametrize("make", [embedder_models.endless, uninterruptible])
def test_what_never_ends_is_ended(tmp_path: Path, make: Callable[[], bytes]) -> None:
    with pytest.raises(ModelUnusable, match=r"did not end within 1\.5 seconds"):
        tried(tmp_path, make(), seconds=1.5, memory_bytes=64 * GIB)


def test_what_wants_too_much_memory_gets_none(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match=r"(?i)memory|bad_alloc"):
        tried(tmp_path, huge())


@pytest.mark.parametrize("harm", [crash, lie])
def test_what_brings_its_process_down_is_refused(tmp_path: Path, harm: Callable[[ModelCard, bytes], None]) -> None:
    content = embedder_models.average_colour()
    with pytest.raises(ModelUnusable, match="brought the process down"):
        Trial(harm, 30, GIB)(write(tmp_path, card("m", content, 3), content))


def test_what_is_wrong_with_a_folder_is_said_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ModelUnusable, match="infinite or not numbers"):
        tried(tmp_path, embedder_models.average_colour(bias=float("nan")))
