"""A collection changes its models, as a user does it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Command, Running, write_photos

COUNT = 12
NAME = "changing-models"
PHOTO = ("--id", "album 0/photo 0003.png")


@pytest.fixture
def command(running: Running, tmp_path: Path) -> Iterator[Command]:
    """A stack that has a collection of the model `colour`, with the pictures of `album`."""
    write_photos(tmp_path / "album", range(COUNT))
    running.command.json("index", str(tmp_path / "album"), "-c", NAME, "--models", "colour")
    yield running.command
    running.command.json("collections", "delete", NAME, "--force")


def bindings(command: Command) -> list[tuple[Any, ...]]:
    (found,) = [found for found in command.json("collections")["collections"] if found["name"] == NAME]
    return [(bound["model"], bound["state"], bound["image_count"]) for bound in found["bindings"]]


def lists(command: Command, *query: str) -> dict[str, int]:
    found = command.json("search", *query, "-c", NAME, "-k", str(COUNT))
    return {own["model"]: len(own["hits"]) for own in found["per_model"]}


def refused(command: Command, *arguments: str) -> str:
    done = command.run("collections", *arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_model_takes_the_place_of_another(command: Command, tmp_path: Path) -> None:
    added = command.run("collections", "add-model", NAME, "shape")
    assert (added.returncode, f"shape (building, 0 of {COUNT})" in added.stdout) == (0, True)
    assert "likeness index" in added.stderr
    assert f"likeness collections activate-model {NAME} shape" in added.stderr
    assert lists(command, *PHOTO) == {"colour": COUNT}
    told = refused(command, "activate-model", NAME, "shape", "--replaces", "colour")
    assert told.startswith(f"INDEX_INCOMPLETE: {COUNT} of {COUNT} images have no vector of model 'shape'")
    assert "`likeness index` of the same folders" in told
    again = command.json("index", str(tmp_path / "album"), "-c", NAME)
    assert (again["created"], again["refused"]) == (0, [])
    assert bindings(command) == [("colour", "ACTIVE", COUNT), ("shape", "BUILDING", COUNT)]
    changed = command.json("collections", "activate-model", NAME, "shape", "--replaces", "colour")
    assert changed["models"] == ["shape"]
    assert bindings(command) == [("shape", "ACTIVE", COUNT)]
    assert lists(command, *PHOTO) == {"shape": COUNT}


def test_a_model_that_lacks_images_is_used_only_by_force_and_goes_only_by_force(
    command: Command, tmp_path: Path
) -> None:
    command.json("collections", "add-model", NAME, "shape")
    command.json("collections", "activate-model", NAME, "shape", "--force")
    picture = str(tmp_path / "album" / "album 0" / "photo 0003.png")
    assert lists(command, picture) == {"colour": COUNT, "shape": 0}
    assert lists(command, *PHOTO, "-m", "colour") == {"colour": COUNT}
    assert "has no vector of model 'shape'" in command.run("search", *PHOTO, "-c", NAME).stderr
    assert f"colour, shape (0 of {COUNT})" in command.run("collections").stdout
    assert refused(command, "remove-model", NAME, "shape").startswith("FORCE_REQUIRED: searches use model 'shape'")
    assert command.json("collections", "remove-model", NAME, "shape", "--force")["models"] == ["colour"]
    assert refused(command, "remove-model", NAME, "colour", "--force").startswith("INVALID_FIELD: model")
    assert refused(command, "add-model", NAME, "none").startswith("MODEL_NOT_FOUND")
