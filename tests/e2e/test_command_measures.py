"""`likeness evaluate` and `likeness duplicates`, as a user runs them."""

import shutil
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.e2e.conftest import Running, write_photos

COUNT = 30
BUILT_IN = ["colour", "shape"]


@pytest.fixture(scope="module")
def indexed(running: Running, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A collection of three folders of ten, with a copy of one picture in another folder."""
    album = tmp_path_factory.mktemp("pictures") / "album"
    first, *_ = write_photos(album, range(COUNT))
    shutil.copy(first, album / "album 2" / "copy.png")
    name = "measured"
    assert running.command.json("index", str(album), "-c", name, "--label-from-folder")["created"] == COUNT + 1
    return name


def test_models_are_measured_by_the_folders_of_their_pictures(running: Running, indexed: str, tmp_path: Path) -> None:
    chart = tmp_path / "chart.svg"
    found = running.command.json("evaluate", "-c", indexed, "-k", "5", "--fusion", "distance", "--plot", str(chart))
    assert [own["model"] for own in found["per_model"]] == BUILT_IN
    assert (found["labelled_count"], found["label_count"], found["alone_count"]) == (COUNT + 1, 3, 0)
    assert (found["collection"], found["label"], found["top_k"], found["fusion"]) == (indexed, "label", 5, "distance")
    for figures in (*found["per_model"], found["fused"]):
        assert figures["query_count"] == COUNT + 1
        assert 0 < figures["precision_at_k"] < 1
        assert 0 < figures["recall_at_k"] < figures["mean_average_precision"] < 1
        assert 0 < figures["mean_distance_same_label"] < 2
    assert ET.parse(chart).getroot().tag.endswith("svg")


def test_a_sample_follows_from_its_seed(running: Running, indexed: str) -> None:
    first, again = (running.command.json("evaluate", "-c", indexed, "--sample", "6", "--seed", "3") for _ in range(2))
    assert first["fused"]["query_count"] == 6
    # Queries are added up as they end, so that the last digits of a mean may differ.
    assert again["fused"] == pytest.approx(first["fused"])
    assert again["per_model"] == [pytest.approx(own) for own in first["per_model"]]


def test_a_table_for_people(running: Running, indexed: str) -> None:
    done = running.command.run("evaluate", "-c", indexed, "--model", "shape")
    assert (done.returncode, done.stderr) == (0, "")
    assert "mAP" in done.stdout
    assert f"{COUNT + 1} images of 3 labels." in done.stdout
    assert "fused" not in done.stdout


def test_a_copy_is_a_duplicate(running: Running, indexed: str) -> None:
    found = running.command.json("duplicates", "-c", indexed, "-m", "shape", "--max-distance", "0")
    pair = ["album@200/photo@200000.png", "album@202/copy.png"]
    assert found == {
        "collection": indexed,
        "model": "shape",
        "max_distance": 0.0,
        "image_count": 2,
        "groups": [pair],
    }
    done = running.command.run("duplicates", "-c", indexed, "-m", "shape", "--max-distance", "0")
    assert done.stdout == "1: 2 images\n   album 0/photo 0000.png\n   album 2/copy.png\n"
    assert (done.returncode, done.stderr) == (0, "2 images in 1 groups.\n")


def test_everything_is_one_group_within_the_greatest_distance(running: Running, indexed: str) -> None:
    found = running.command.json("duplicates", "-c", indexed, "-m", "colour", "--max-distance", "2")
    assert (len(found["groups"]), found["image_count"]) == (1, COUNT + 1)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("evaluate", "-c", "measured", "--label", "nothing"), "INVALID_FIELD"),
        (("evaluate", "-c", "nowhere"), "COLLECTION_NOT_FOUND"),
        (("duplicates", "-c", "measured", "-m", "none", "--max-distance", "1"), "MODEL_NOT_FOUND"),
    ],
)
def test_an_error_is_one_line_with_its_reason(
    running: Running, indexed: str, arguments: tuple[str, ...], reason: str
) -> None:
    done = running.command.run(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{reason}: ")
    assert done.stderr.count("\n") == 1
