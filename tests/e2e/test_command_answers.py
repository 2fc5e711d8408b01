"""Every command with `--json`, as a program uses it."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Running, write_photos

COUNT = 30
BUILT_IN = ["colour", "shape"]


@pytest.fixture(scope="module")
def album(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pictures") / "album"
    write_photos(directory, range(COUNT))
    return directory


@pytest.fixture(scope="module")
def indexed(running: Running, album: Path) -> str:
    """A collection that holds the album."""
    name = "answers"
    done = running.command.json("index", str(album), "-c", name, "--label-from-folder")
    assert done["created"] == COUNT
    return name


def id_of(number: int) -> str:
    return f"album@20{number // 10}/photo@20{number:04}.png"


def path_of(album: Path, number: int) -> Path:
    return album / f"album {number // 10}" / f"photo {number:04}.png"


def test_indexing_again_changes_nothing(running: Running, album: Path, indexed: str) -> None:
    again = running.command.json("index", str(album), "-c", indexed, "--label-from-folder", "--concurrency", "2")
    counts = {key: again[key] for key in ("collection", "created", "updated", "unchanged", "refused")}
    assert counts == {"collection": indexed, "created": 0, "updated": 0, "unchanged": COUNT, "refused": []}


def test_a_changed_file_is_updated(running: Running, album: Path, tmp_path: Path) -> None:
    changing = tmp_path / "changing"
    changing.mkdir()
    shutil.copy(path_of(album, 1), changing / "a.png")
    shutil.copy(path_of(album, 2), changing / "b.png")
    assert running.command.json("index", str(changing), "-c", "changing")["created"] == 2
    shutil.copy(path_of(album, 3), changing / "a.png")
    again = running.command.json("index", str(changing), "-c", "changing")
    assert (again["updated"], again["unchanged"]) == (1, 1)


def test_several_folders_keep_their_pictures_apart(running: Running, album: Path, tmp_path: Path) -> None:
    for folder, number in (("cats", 1), ("dogs", 2)):
        (tmp_path / folder).mkdir()
        shutil.copy(path_of(album, number), tmp_path / folder / "same.png")
    running.command.json("index", str(tmp_path / "cats"), str(tmp_path / "dogs"), "-c", "animals")
    found = running.command.json("search", "--id", "cats/same.png", "-c", "animals")
    assert sorted(hit["image_id"] for hit in found["hits"]) == ["cats/same.png", "dogs/same.png"]


def test_search_by_picture(running: Running, album: Path, indexed: str) -> None:
    found = running.command.json("search", str(path_of(album, 12)), "-c", indexed, "-k", "5")
    assert found["collection"] == indexed
    assert found["query"]["path"] == str(path_of(album, 12))
    assert [hit["rank"] for hit in found["hits"]] == [1, 2, 3, 4, 5]
    first = found["hits"][0]
    assert (first["image_id"], first["attributes"]) == (id_of(12), {"label": "album 1"})
    assert first["uri"] == path_of(album, 12).as_uri()
    assert first["distance"] < 1e-3
    assert first["similarity"] > 0.999
    assert [own["model"] for own in found["per_model"]] == BUILT_IN
    assert all(own["hits"][0]["image_id"] == id_of(12) and len(own["hits"]) == 5 for own in found["per_model"])
    for hit in found["hits"]:
        assert hit["score"] == pytest.approx(sum(1 / (60 + part["rank"]) for part in hit["contributions"]))
        assert sum(part["score"] for part in hit["contributions"]) == pytest.approx(hit["score"])
    assert found["model_errors"] == []
    assert found["timings"]["total_seconds"] >= found["timings"]["search_seconds"] > 0


def test_search_by_id_without_itself_and_with_one_model(running: Running, indexed: str) -> None:
    found = running.command.json("search", "--id", id_of(3), "-c", indexed, "--exclude-self", "--model", "shape")
    assert found["query"]["image_id"] == id_of(3)
    assert [own["model"] for own in found["per_model"]] == ["shape"]
    ids = [hit["image_id"] for hit in found["hits"]]
    assert len(ids) == 10
    assert id_of(3) not in ids
    assert ids == [hit["image_id"] for hit in found["per_model"][0]["hits"]]


def test_search_by_the_path_of_an_indexed_picture(running: Running, indexed: str) -> None:
    by_id = running.command.json("search", "--id", id_of(3), "-c", indexed)
    by_path = running.command.json("search", "--id", "album 0/photo 0003.png", "-c", indexed)
    assert by_path["query"] == by_id["query"]
    assert by_path["hits"] == by_id["hits"]
    told = running.command.run("search", "--id", id_of(3), "-c", indexed).stdout
    assert "album 0/photo 0003.png" in told
    assert "@20" not in told


def test_search_by_a_picture_from_standard_input(running: Running, album: Path, indexed: str) -> None:
    line = [sys.executable, "-m", "likeness", "--address", running.command.address, "search", "-", "-c", indexed]
    with path_of(album, 12).open("rb") as picture:
        done = subprocess.run([*line, "--json"], stdin=picture, capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(done.stdout)["hits"][0]["image_id"] == id_of(12)


def test_images_are_deleted_by_id_and_by_path(running: Running, album: Path) -> None:
    running.command.json("index", str(album / "album 0"), "-c", "shrinking")
    done = running.command.json("delete", "photo@200001.png", "photo 0002.png", "-c", "shrinking")
    assert done == {"collection": "shrinking", "deleted": 2, "missing": []}
    again = running.command.json("delete", "photo 0001.png", "photo 0003.png", "-c", "shrinking", status=3)
    assert again == {"collection": "shrinking", "deleted": 1, "missing": ["photo@200001.png"]}
    left = running.command.json("search", "--id", "photo 0004.png", "-c", "shrinking")["hits"]
    assert sorted(hit["image_id"] for hit in left) == [f"photo@20{i:04}.png" for i in (0, *range(4, 10))]


def test_what_is_no_picture_by_its_name_is_counted(running: Running, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("text")
    (tmp_path / "a.heic").write_bytes(b"heic")
    done = running.command.json("index", str(tmp_path), "-c", "skipping")
    assert done["skipped"] == {"files": 2, "unread_formats": {".heic": 1}}
    told = running.command.run("index", str(tmp_path), "-c", "skipping")
    assert told.returncode == 0
    assert f"There are no pictures in {tmp_path}." in told.stderr
    assert "skipped: 2 that are no pictures by their names; formats that are not read: 1 .heic" in told.stdout


def test_search_within_a_distance(running: Running, indexed: str) -> None:
    wide = running.command.json("search", "--id", id_of(3), "-c", indexed, "--model", "colour", "-k", "30")
    distances = [hit["distance"] for hit in wide["per_model"][0]["hits"]]
    limit = distances[10]
    near = running.command.json(
        "search", "--id", id_of(3), "-c", indexed, "--model", "colour", "-k", "30", "--max-distance", repr(limit)
    )
    assert 10 <= len(near["hits"]) < 30
    assert all(hit["distance"] <= limit for hit in near["hits"])


def test_compare(running: Running, indexed: str) -> None:
    document = running.command.json("compare", "--id", id_of(7), "-c", indexed, "-k", "8")
    lists = {own["model"]: [hit["image_id"] for hit in own["hits"]] for own in document["per_model"]}
    (pair,) = document["agreements"]
    assert (pair["model_a"], pair["model_b"]) == ("colour", "shape")
    assert pair["overlap_at_k"] == pytest.approx(len(set(lists["colour"]) & set(lists["shape"])) / 8)
    assert 0 < pair["rank_biased_overlap"] <= 1
    assert not any("attributes" in hit for own in document["per_model"] for hit in own["hits"])
    assert set(pair) == {"model_a", "model_b", "overlap_at_k", "rank_biased_overlap", "kendall_tau"}


def test_collections_are_made_listed_and_deleted(running: Running, album: Path) -> None:
    made = running.command.json("collections", "create", "short-lived", "--models", "colour", "--metric", "cosine")
    assert (made["models"], made["metric"], made["image_count"]) == (["colour"], "COSINE", 0)
    running.command.json("index", str(album / "album 0"), "-c", "short-lived")
    listed = {found["name"]: found for found in running.command.json("collections")["collections"]}
    assert listed["short-lived"]["image_count"] == 10
    refused = running.command.run("collections", "delete", "short-lived", "--json")
    assert refused.returncode == 1
    assert json.loads(refused.stdout)["error"]["reason"] == "FORCE_REQUIRED"
    assert refused.stderr.startswith("FORCE_REQUIRED")
    assert running.command.json("collections", "delete", "short-lived", "--force") == {"deleted": "short-lived"}
    assert "short-lived" not in [found["name"] for found in running.command.json("collections")["collections"]]


def test_models(running: Running) -> None:
    served = running.command.json("models")["models"]
    assert [model["name"] for model in served] == BUILT_IN
    assert all(model["state"] == "READY" and len(model["fingerprint"]) == 64 for model in served)


def test_status(running: Running, indexed: str) -> None:
    document = running.command.json("status")
    parts = [(part["name"], part["answers"]) for part in document["parts"]]
    assert parts == [("gateway", True), ("embedder", True), ("search", True)]
    assert document["address"] == running.command.address
    assert [model["name"] for model in document["models"]] == BUILT_IN
    assert {found["name"]: found["image_count"] for found in document["collections"]}[indexed] == COUNT


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("search", "--id", "nothing", "-c", "answers"), "IMAGE_NOT_FOUND"),
        (("search", "--id", "nothing", "-c", "nowhere"), "COLLECTION_NOT_FOUND"),
        (("search", "--id", "nothing", "-c", "answers", "-m", "none"), "MODEL_NOT_FOUND"),
        (("collections", "create", "answers"), "COLLECTION_EXISTS"),
        (("collections", "create", "Upper Case"), "INVALID_FIELD"),
    ],
)
def test_an_error_is_one_line_with_its_reason(
    running: Running, indexed: str, arguments: tuple[str, ...], reason: str
) -> None:
    done = running.command.run(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{reason}: ")
    assert done.stderr.count("\n") == 1


def test_tables_for_people(running: Running, indexed: str) -> None:
    done = running.command.run("search", "--id", id_of(5), "-c", indexed, "-k", "3")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Look-alikes" in done.stdout
    assert "colour" in done.stdout
