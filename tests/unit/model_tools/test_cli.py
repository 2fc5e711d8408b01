"""The command, as an operator types it."""

import json
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from embedder_service import model_folder
from embedder_service.model_tools import quantising
from embedder_service.model_tools.cli import app
from tests import embedder_images as images
from tests.embedder_models import FLOAT, Port, network, node

Run = Callable[..., Result]
WEIGHTS = np.random.default_rng(0).normal(size=(12, 3, 3, 3)).astype(np.float32)


def small() -> bytes:
    """A convolution and a pooling."""
    inputs: list[Port] = [("input", FLOAT, ["n", 3, 32, 32])]
    nodes = [
        node("Conv", ["input", "weights"], ["map"], pads=[1, 1, 1, 1]),
        node("Relu", ["map"], ["active"]),
        node("GlobalAveragePool", ["active"], ["pool"]),
    ]
    return network(*nodes, inputs=inputs, outputs=[("pool", FLOAT, ["n", 12, 1, 1])], weights=WEIGHTS)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Runs a command over the folder `models`; `status` is what it must end with."""

    def invoke(*arguments: str, status: int = 0) -> Result:
        result = CliRunner().invoke(app, [*arguments, "--models", str(tmp_path / "models")])
        assert result.exit_code == status, result.output
        return result

    return invoke


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "My net.onnx"
    path.write_bytes(small())
    return path


def add(run: Run, file: Path, *more: str, status: int = 0) -> Result:
    return run("add", str(file), "--output", "pool", "--preset", "torchvision", *more, status=status)


def test_a_file_becomes_a_folder_that_the_embedder_reads(run: Run, file: Path, tmp_path: Path) -> None:
    result = add(run, file, "--license", "MIT")
    assert "My-net: 12 numbers a picture, fingerprint" in result.stdout
    files = model_folder.read(tmp_path / "models" / "My-net")
    assert (files.card.name, files.card.dimension, files.card.license) == ("My-net", 12, "MIT")
    assert (files.card.preprocessing.resize_px, files.card.preprocessing.input_width_px) == (37, 32)
    assert files.golden is not None
    assert files.golden.fingerprint == files.card.fingerprint
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["My-net"]


def test_a_model_that_is_there_is_replaced_only_on_request(run: Run, file: Path, tmp_path: Path) -> None:
    add(run, file)
    assert "--replace" in add(run, file, "--preset", "pixels", status=1).stderr
    add(run, file, "--preset", "keras-tf", "--replace")
    files = model_folder.read(tmp_path / "models" / "My-net")
    assert files.card.preprocessing.resize_mode == "stretch"
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == ["My-net"]


def test_jpegs_may_be_read_smaller(run: Run, file: Path, tmp_path: Path) -> None:
    add(run, file)
    exact = model_folder.read(tmp_path / "models" / "My-net").card
    add(run, file, "--decoding", "scaled", "--replace")
    scaled = model_folder.read(tmp_path / "models" / "My-net").card
    assert (exact.preprocessing.decoding, scaled.preprocessing.decoding) == ("exact", "scaled")
    assert exact.fingerprint != scaled.fingerprint


def test_nothing_is_left_of_what_fails(run: Run, file: Path, tmp_path: Path) -> None:
    result = run("add", str(file), "--output", "nowhere", "--preset", "torchvision", status=1)
    assert result.stderr.strip() == "the graph has no tensor and no node named 'nowhere'"
    assert not (tmp_path / "models").exists()


def test_an_unknown_preset_is_met_with_those_there_are(run: Run, file: Path) -> None:
    result = run("add", str(file), "--preset", "keras", status=2)
    assert "there is no preset 'keras'; there are keras-caffe, keras-tf" in result.stderr


def test_models_are_listed_the_wrong_ones_too(run: Run, file: Path, tmp_path: Path) -> None:
    add(run, file)
    (tmp_path / "models" / "bro[red]ken").mkdir()
    output = run("list").stdout
    assert "My-net" in output
    assert "bro[red]ken" in output
    assert "refused: model.toml cannot be read: No such file or directory" in output


def test_what_is_no_model_at_all_hides_none(run: Run, file: Path, tmp_path: Path) -> None:
    add(run, file)
    (tmp_path / "models" / "link").symlink_to("a" * 300)
    Path(os.fsdecode(os.fsencode(tmp_path / "models") + b"/\xff")).mkdir()
    os.mkfifo(tmp_path / "models" / os.fsdecode(b"\xff") / "model.toml")
    output = run("list").stdout
    assert "My-net" in output
    assert "File name too long" in output
    assert "model.toml is no regular file" in output
    result = run("verify", status=1)
    assert "My-net: gives its golden vectors" in result.stdout
    assert "2 of 3 models would be refused" in result.stderr


def test_a_model_is_shown_whole(run: Run, file: Path) -> None:
    add(run, file)
    document = json.loads(run("show", "My-net").stdout)
    assert document["golden"] == {"pictures": "likeness-golden-1", "min_cosine": 0.9999}
    assert document["preprocessing"]["mean"] == [0.485, 0.456, 0.406]
    assert len(document["fingerprint"]) == 64


def test_models_are_verified_and_a_change_is_found(run: Run, file: Path, tmp_path: Path) -> None:
    add(run, file)
    assert re.search(r"My-net: gives its golden vectors, least cosine \S+, wanted 0\.9999\n", run("verify").stdout)
    card = tmp_path / "models" / "My-net" / "model.toml"
    card.write_text(card.read_text().replace('"RGB"', '"BGR"'))
    result = run("verify", status=1)
    assert "golden.json is of another network or preprocessing than model.toml says" in result.stderr
    assert "1 of 1 models would be refused" in result.stderr
    run("verify", "--renew")
    run("verify", "My-net")


def photographs(folder: Path, count: int) -> None:
    folder.mkdir()
    for seed in range(count):
        small_noise = images.noise(4, 4, seed=seed)
        enlarged = small_noise.repeat(16, 0).repeat(16, 1)
        (folder / f"{seed:03}.png").write_bytes(images.encode(enlarged, "PNG"))
    (folder / "broken.png").write_bytes(b"no picture")


def test_a_variant_in_8_bits_is_measured_and_kept(run: Run, file: Path, tmp_path: Path) -> None:
    add(run, file)
    photographs(tmp_path / "photos", 60)
    options: Sequence[str] = ("--photos", str(tmp_path / "photos"), "--calibrate", "20", "--min-recall", "0.5")
    output = run("quantize", "My-net", *options).stdout
    assert "of My-net's neighbours on 40 photographs" in output
    original, variant = (model_folder.read(tmp_path / "models" / name) for name in ("My-net", "My-net-int8"))
    assert b"QuantizeLinear" in variant.content
    assert variant.card.fingerprint != original.card.fingerprint
    assert variant.card.preprocessing == original.card.preprocessing
    assert "recall@10" in variant.card.description
    run("verify")
    assert "is in 8-bit integers already" in run("quantize", "My-net-int8", *options, status=1).stderr


def test_a_variant_that_finds_other_neighbours_is_not_kept(run: Run, file: Path, tmp_path: Path) -> None:
    add(run, file)
    photographs(tmp_path / "photos", 60)
    options: Sequence[str] = ("--photos", str(tmp_path / "photos"), "--calibrate", "20", "--min-recall", "1")
    assert "nothing is kept" in run("quantize", "My-net", *options, status=1).stderr
    assert not (tmp_path / "models" / "My-net-int8").exists()


def test_photographs_must_be_left_to_measure_with(run: Run, file: Path, tmp_path: Path) -> None:
    add(run, file)
    photographs(tmp_path / "photos", 60)
    options: Sequence[str] = ("--photos", str(tmp_path / "photos"), "--most", "50", "--calibrate", "50")
    assert "--calibrate 50 leaves 0 of --most 50 photographs" in run("quantize", "My-net", *options, status=2).stderr


def test_recall_counts_shared_neighbours() -> None:
    """Points on a circle, of which two change places with far ones."""
    angles = np.arange(40) * 2 * np.pi / 40
    ours = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    order = np.arange(40)
    order[[0, 20]] = 20, 0
    theirs = ours[order]
    expected = []
    for point in range(40):
        near = {(point + step) % 40 for step in (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5)}
        at = int(order[point])
        found = {int(order[(at + step) % 40]) for step in (-5, -4, -3, -2, -1, 1, 2, 3, 4, 5)}
        expected.append(len(near & found) / 10)
    assert quantising.recall(ours, theirs) == pytest.approx(np.mean(expected))


def test_the_catalogue_is_listed_and_unknown_networks_are_named(run: Run) -> None:
    assert "resnet50-v1-12" in run("pull").stdout
    assert "the catalogue has no 'resnet'; it has resnet50-v1-12" in run("pull", "resnet", status=2).stderr
    assert "there are keras:ResNet50, keras:VGG16" in run("export", "keras:NASNet", status=2).stderr
