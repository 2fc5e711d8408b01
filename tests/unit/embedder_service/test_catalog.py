"""A folder that is wrong costs one line of the log, and the others are served."""

import base64
import json
import os
import re
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from structlog.testing import capture_logs

from embedder_service.catalog import BUILT_IN, ModelFolders
from embedder_service.decode_pool import DecoderPool
from embedder_service.model_card import ModelCard
from embedder_service.onnx_model import Engine, OnnxModel
from embedder_service.ports import Catalog
from tests import embedder_models
from tests.embedder_models import FLOAT, INPUT, MEAN, UINT8, Port, average_colour, card, network, node, write

GOOD = average_colour()
# The vector of a black picture, of three numbers.
BLACK = base64.b64encode(np.array([1, 0, 0], "<f4").tobytes()).decode()
Write = Callable[[Path], object]
Load = Callable[..., Awaitable[Catalog]]


@pytest.fixture
def load(thread: ThreadPoolExecutor, decoder: DecoderPool) -> Load:
    """Loads what tests make; the processes of trials have tests of their own."""

    async def from_folders(*repositories: Path) -> Catalog:
        engine = Engine(thread, threads=1, trial_seconds=0.5)
        return await ModelFolders(
            repositories,
            partial(OnnxModel, engine=engine),
            lambda _: None,
            lambda: nullcontext(decoder),
            thread,
            golden_seconds=0.5,
        ).load({})

    return from_folders


def model(content: bytes = GOOD, dimension: int = 3, **preprocessing: Any) -> Write:
    """Writes the folder `wrong`, whose card goes with its network in all but what is said here."""
    return lambda repository: write(repository, card("wrong", content, dimension, **preprocessing), content)


def with_card(**fields: Any) -> Write:
    return lambda repository: write(repository, card("wrong", GOOD, 3) | fields, GOOD).rename(repository / "wrong")


def without(name: str) -> Write:
    return lambda repository: (write(repository, card("wrong", GOOD, 3), GOOD) / name).unlink()


def with_text(text: str) -> Write:
    return lambda repository: (write(repository, card("wrong", GOOD, 3), GOOD) / "model.toml").write_text(text)


def special(name: str, make: Callable[[Path], object]) -> Write:
    """A folder with something else than a file in the place of a file."""

    def write_both(repository: Path) -> None:
        path = write(repository, card("wrong", GOOD, 3), GOOD) / name
        path.unlink(missing_ok=True)
        make(path)

    return write_both


def to_a_long_name(path: Path) -> None:
    path.symlink_to("a" * 300)


def with_golden(content: bytes = GOOD, **fields: Any) -> Write:
    """Golden vectors that are right in all but what is said here."""

    def write_both(repository: Path) -> None:
        fingerprint = ModelCard.model_validate(card("wrong", content, 3)).fingerprint
        right = {
            "pictures": "likeness-golden-1",
            "fingerprint": fingerprint,
            "min_cosine": 0.9999,
            "vectors": [BLACK] * 4,
        }
        (write(repository, card("wrong", content, 3), content) / "golden.json").write_text(json.dumps(right | fields))

    return write_both


def weights_outside(location: str) -> Write:
    """A network whose weights are in a file beside it, which is there, in its folder and in the working directory."""

    def write_both(repository: Path) -> None:
        content = embedder_models.with_weights_at(location.format(repository=repository))
        folder = write(repository, card("wrong", content, 3), content)
        for place in (folder / "weights.bin", repository / "weights.bin", Path("weights.bin")):
            place.write_bytes(np.ones(3, np.float32).tobytes())

    return write_both


def weights_linked(link: Callable[[Path, Path], None]) -> Write:
    """A network whose weights are in its folder by a link alone, to a file outside."""

    def write_both(repository: Path) -> None:
        content = embedder_models.with_weights_at("weights.bin")
        (repository / "outside.bin").write_bytes(np.ones(3, np.float32).tobytes())
        link(repository / "outside.bin", write(repository, card("wrong", content, 3), content) / "weights.bin")

    return write_both


FIXED: list[Port] = [("input", FLOAT, [1, 3, 8, 8])]
TWO: list[Port] = [INPUT, ("other", FLOAT, ["n", 3])]
REDUCE = [MEAN, node("Identity", ["mean"], ["feature"])]
CASES: dict[str, tuple[Write, str]] = {
    "another sha256": (with_card(onnx_sha256="0" * 64), "the sha256 of model.onnx is .*, and model.toml says 0{64}"),
    "an unknown field": (with_card(licence="MIT"), "licence: Extra inputs are not permitted"),
    "an unknown field below": (model(antialias=True), "preprocessing.antialias: Extra inputs"),
    "a field that is missing": (with_text('name = "wrong"'), "description: Field required; license: Field required"),
    "a contradiction": (model(crop="centre"), "preprocessing: .* crop = 'none'"),
    "no TOML": (with_text("name: wrong"), "model.toml: "),
    "values in values": (with_text("a=" + "[" * 5000 + "]" * 5000), "model.toml: its values are nested too deeply"),
    "a long model.toml": (with_text("#" * (2**20 + 1)), "model.toml has over 1,048,576 bytes, which is the limit"),
    "a pipe for model.toml": (special("model.toml", os.mkfifo), "model.toml is no regular file"),
    "a pipe for model.onnx": (special("model.onnx", os.mkfifo), "model.onnx is no regular file"),
    "a pipe for golden.json": (special("golden.json", os.mkfifo), "golden.json is no regular file"),
    "a device for golden.json": (special("golden.json", lambda at: at.symlink_to("/dev/zero")), "no regular file"),
    "a link to no name": (
        lambda repository: to_a_long_name(repository / "wrong"),
        "cannot be read: File name too long",
    ),
    "a link to no golden.json": (special("golden.json", to_a_long_name), "golden.json cannot be read: File name too l"),
    "another name": (with_card(name="right"), "name is 'right', and the folder's is 'wrong'"),
    "no model.toml": (without("model.toml"), "model.toml cannot be read: No such file"),
    "golden vectors of another model": (with_golden(fingerprint="0" * 64), "golden.json is of another network or prep"),
    "golden vectors that differ": (
        with_golden(vectors=[BLACK] * 4),
        "does not give its golden vectors here: the least",
    ),
    "golden pictures that it never ends on": (
        with_golden(embedder_models.endless_on_four()),
        "its run over the golden pictures did not end within 0.5 seconds",
    ),
    "golden vectors too few": (with_golden(vectors=[BLACK]), "golden.json: wanted are 4 vectors of 3 numbers"),
    "golden vectors too short": (
        with_golden(vectors=[BLACK[:4] + "AA=="] * 4),
        "golden.json: wanted are 4 vectors of 3 numbers",
    ),
    "golden vectors that are none": (with_golden(vectors=["%"] * 4), "golden.json: a vector is no base64"),
    "golden vectors of other pictures": (with_golden(pictures="mine"), "golden.json: pictures: String should match"),
    "no model.onnx": (without("model.onnx"), "model.onnx cannot be read: No such file"),
    "an empty folder": (lambda repository: (repository / "wrong").mkdir(), "model.toml cannot be read"),
    "half a file": (model(GOOD[: len(GOOD) // 2]), "ONNX Runtime does not load model.onnx"),
    "an empty file": (model(b""), "ONNX Runtime does not load model.onnx"),
    "a web page": (model(b"<html>not found</html>"), "a web page, not a network"),
    "a Git LFS pointer": (model(b"version https://git-lfs.github.com/spec/v1\n"), "a Git LFS pointer, not a network"),
    "a custom operator": (model(network(node("Magic", ["input"], ["feature"], domain="my.ops"))), "my.ops:Magic"),
    "weights in its folder": (weights_outside("weights.bin"), "(?i)external data path"),
    "weights above it": (weights_outside("../weights.bin"), "(?i)external data path"),
    "weights at a path": (weights_outside("{repository}/weights.bin"), "(?i)absolute path not allowed"),
    "weights that a link leads to": (weights_linked(lambda to, at: at.symlink_to(to)), "(?i)external data path"),
    "weights that have another name": (weights_linked(lambda to, at: at.hardlink_to(to)), "(?i)external data path"),
    "no such output": (model(output_tensor="prob"), r"no output 'prob'; it has \['feature'\]"),
    "another dimension": (model(dimension=4), r"\[2, 3\] for 2 pictures, and model.toml says dimension = 4"),
    "an output that is no vector": (model(network(node("Identity", ["input"], ["feature"]))), r"gave \[2, 3, 8, 8\]"),
    "nothing to pool over": (model(pooling="max"), "its trial run failed"),
    "a fixed batch": (model(network(*REDUCE, inputs=FIXED)), "the first axis .* is fixed, at 1"),
    "another size": (model(input_width_px=9), r"has shape \['n', 3, 8, 8\], and model.toml makes it \[3, 8, 9\]"),
    "another layout": (model(layout="NHWC"), r"makes it \[8, 8, 3\]"),
    "another element type": (model(dtype="uint8", scale=1.0), r"is a tensor\(float\), and model.toml says uint8"),
    "bytes for floats": (model(embedder_models.flat("input", UINT8, ["n", 3, 8, 8]), 192), "model.toml says float32"),
    "two inputs": (model(network(*REDUCE, inputs=TWO)), "the graph has 2 inputs"),
    "no numbers": (model(embedder_models.constant([np.nan, 1, 1])), "infinite or not numbers"),
    "infinity": (model(embedder_models.constant([np.inf, 1, 1])), "infinite or not numbers"),
    "a vector of no length": (model(embedder_models.constant([0, 0, 0])), "a vector of length zero"),
    "a network that never ends": (model(embedder_models.endless()), "its trial run failed: .*terminate flag"),
    "a batch it cannot take": (
        model(network(node("Reshape", ["input", "row"], ["feature"]), row=np.array([1, 192])), 192),
        "its trial run failed",
    ),
}


@pytest.mark.parametrize(("write_wrong", "problem"), CASES.values(), ids=CASES)
async def test_a_wrong_folder_is_refused_in_one_line_and_the_others_are_served(
    load: Load, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write_wrong: Write, problem: str
) -> None:
    repository = tmp_path / "models"
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for name in ("before", "zlast"):
        write(repository, card(name, GOOD, 3), GOOD)
    write_wrong(repository)
    with capture_logs() as logs:
        found = await load(repository)
    assert list(found.models) == ["before", "zlast"]
    assert list(found.refused) == ["wrong"]
    (line,) = [line for line in logs if line["log_level"] == "error"]
    assert (line["event"], line["model"]) == ("model refused", "wrong")
    assert line["folder"] == str(repository / "wrong")
    assert "\n" not in line["problem"]
    assert re.search(problem, line["problem"]), line["problem"]


async def test_the_first_folder_of_a_name_is_served(load: Load, tmp_path: Path) -> None:
    first = write(tmp_path / "a", card("same", GOOD, 3), GOOD)
    second = write(tmp_path / "b", card("same", GOOD, 3, scale=1.0), GOOD)
    with capture_logs() as logs:
        found = await load(first.parent, second.parent)
    assert found.models["same"].card.preprocessing.scale == 1 / 255
    assert found.refused == {"same": "another folder of this name came first"}
    assert [(line["folder"], line["problem"]) for line in logs if line["log_level"] == "error"] == [
        (str(second), "another folder of this name came first")
    ]


async def test_a_repository_that_is_not_there_is_said_and_the_others_are_served(load: Load, tmp_path: Path) -> None:
    write(tmp_path / "b", card("good", GOOD, 3), GOOD)
    with capture_logs() as logs:
        found = await load(tmp_path / "a", tmp_path / "b")
    assert list(found.models) == ["good"]
    assert found.refused == {str(tmp_path / "a"): "it cannot be read: No such file or directory"}
    assert {"event": "model folder cannot be read", "folder": str(tmp_path / "a")}.items() <= logs[0].items()


async def test_what_is_no_model_is_passed_over(load: Load, tmp_path: Path) -> None:
    """Caches, what Kubernetes mounts a volume with, a file system's own folder, and loose files."""
    for name in ("__pycache__", "..2026_01_01", ".git", "lost+found"):
        (tmp_path / name).mkdir()
    (tmp_path / "README.md").touch()
    with capture_logs() as logs:
        found = await load(tmp_path)
    assert not found.models
    assert not found.refused
    assert [line["log_level"] for line in logs] == ["info"]


async def test_whatever_one_folder_raises_the_others_are_served(
    thread: ThreadPoolExecutor, decoder: DecoderPool, tmp_path: Path
) -> None:
    def try_folder(folder: Path) -> None:
        if folder.name == "wrong":
            raise RuntimeError("no such luck\nand more of it")

    for name in ("good", "wrong"):
        write(tmp_path, card(name, GOOD, 3), GOOD)
    load_model = partial(OnnxModel, engine=Engine(thread, threads=1, trial_seconds=10))
    folders = ModelFolders([tmp_path], load_model, try_folder, lambda: nullcontext(decoder), thread, golden_seconds=10)
    found = await folders.load({})
    assert list(found.models) == ["good"]
    assert found.refused == {"wrong": "it cannot be loaded: no such luck"}


async def test_the_built_in_models_are_as_their_cards_say(load: Load) -> None:
    found = await load(BUILT_IN)
    assert list(found.models) == ["colour", "shape"]
    assert not found.refused
