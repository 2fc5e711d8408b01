"""A model is fed from where the pictures are, as a user does it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from likeness.feeding import Feeder, Plan
from likeness.message_client import MessageClient
from likeness.tally import CHANGED, FED, Tally
from likeness.v1 import image_search_pb2 as pb
from tests.e2e.conftest import Command, Running, running_stack, write_photos

COUNT = 12
NAME = "fed"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("pictures")


@pytest.fixture(scope="module")
def reading(pictures: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A stack whose embedder may read what is in `pictures`."""
    state = tmp_path_factory.mktemp("stack")
    with running_stack(state, LIKENESS_EMBEDDER_URI_PREFIXES=f"file://{pictures}/") as started:
        yield started


@pytest.fixture
def album(pictures: Path) -> Iterator[Path]:
    made = pictures / "album"
    write_photos(made, range(COUNT))
    yield made
    shutil.rmtree(made)


@pytest.fixture
def command(reading: Running, album: Path) -> Iterator[Command]:
    """A collection of the album that has just got the model `shape`."""
    yield from with_model_added(reading, album)


def with_model_added(running: Running, album: Path) -> Iterator[Command]:
    running.command.json("index", str(album), "-c", NAME, "--models", "colour", "--label-from-folder")
    running.command.json("collections", "add-model", NAME, "shape")
    yield running.command
    running.command.json("collections", "delete", NAME, "--force")


def relabelled(image: pb.ImageRecord, picture: Path, label: str) -> pb.ImageEntry:
    entry = pb.ImageEntry(image_id=image.image_id, uri=image.uri)
    entry.image.content = picture.read_bytes()
    entry.attributes["label"] = label
    return entry


def test_a_model_is_fed_and_takes_the_place_of_another(command: Command, album: Path) -> None:
    fed = command.json("collections", "feed-model", NAME, "shape", "--batch-size", "5")
    assert (fed["fed"], fed["covered"], fed["image_count"]) == (COUNT, COUNT, COUNT)
    assert [fed[other] for other in ("unchanged", "changed", "without_uri", "unreadable")] == [0, 0, 0, 0]
    repeated = command.run("collections", "feed-model", NAME, "shape")
    assert (repeated.returncode, "fed" in repeated.stdout) == (0, True)
    assert f"All {COUNT} images have a vector of shape" in repeated.stderr
    assert f"likeness collections activate-model {NAME} shape" in repeated.stderr
    command.json("collections", "activate-model", NAME, "shape", "--replaces", "colour")
    found = command.json("search", "--id", "album 1/photo 0011.png", "-c", NAME, "-k", str(COUNT))
    (own,) = found["per_model"]
    assert (own["model"], len(own["hits"])) == ("shape", COUNT)
    assert found["hits"][0]["attributes"] == {"label": "album 1"}
    assert found["hits"][0]["uri"].endswith("/album%201/photo%200011.png")
    again = command.json("index", str(album), "-c", NAME, "--label-from-folder")
    assert again["unchanged"] == COUNT


def test_what_cannot_be_fed_is_counted_and_left(command: Command, album: Path, pictures: Path) -> None:
    gone = album / "album 0" / "photo 0003.png"
    (moved,) = write_photos(pictures / "elsewhere", [99])
    shutil.move(gone, gone.with_suffix(".old"))
    with MessageClient(command.address) as client:
        image = client.image(NAME, "album@200/photo@200004.png")
        for uri in ("", "https://images.example.org/x.jpg"):
            entry = relabelled(image, moved, "x")
            entry.image_id, entry.uri = f"id-{len(uri)}", uri
            client.remove_model(NAME, "shape")
            client.index(NAME, [entry])
        client.add_model(NAME, "shape")
    fed = command.json("collections", "feed-model", NAME, "shape", status=3)
    assert [fed[each] for each in ("fed", "without_uri", "unreadable", "covered")] == [COUNT - 1, 1, 2, COUNT - 1]
    assert fed["reasons"] == {"URI_UNREADABLE": 1, "URI_NOT_ALLOWED": 1}
    told = command.run("collections", "feed-model", NAME, "shape")
    assert told.returncode == 3
    assert "album 0/photo 0003.png: URI_UNREADABLE: " in told.stdout
    assert "not readable" in told.stdout
    assert f"{COUNT - 1} of {COUNT + 2} images have a vector of shape." in told.stderr
    assert "LIKENESS_EMBEDDER_URI_PREFIXES" in told.stderr


def test_where_nothing_may_be_read_the_command_says_who_allows_it(running: Running, tmp_path: Path) -> None:
    write_photos(tmp_path / "album", range(COUNT))
    for command in with_model_added(running, tmp_path / "album"):
        told = command.run("collections", "feed-model", NAME, "shape")
        assert told.returncode == 3
        assert "URI_NOT_ALLOWED: The embedder reads only addresses under" in told.stderr
        assert "and 2 more" in told.stdout
        assert f"0 of {COUNT} images have a vector of shape. The others are left" in told.stderr


def test_a_model_that_was_not_added_is_refused(command: Command) -> None:
    told = command.run("collections", "feed-model", NAME, "none")
    assert (told.returncode, told.stdout) == (1, "")
    assert told.stderr.startswith(f"MODEL_NOT_ADDED: collection '{NAME}' has the models colour, shape, and not 'none'")
    assert "likeness collections add-model" in told.stderr
    assert command.json("collections", "feed-model", "none", "shape", status=1)["error"]["code"] == "NOT_FOUND"


class Overtaken(MessageClient):
    """Lets somebody else write and delete images between their listing and their feeding."""

    def __init__(self, address: str, album: Path) -> None:
        super().__init__(address)
        self._album = album

    def lacking(self, collection: str, model: str, token: str) -> tuple[list[pb.ImageRecord], str]:
        images, following = super().lacking(collection, model, token)
        relabel, delete, *_ = images
        picture = self._album / "album 0" / "photo 0000.png"
        assert relabel.image_id == "album@200/photo@200000.png"
        self.index(collection, [relabelled(relabel, picture, "mine")])
        self.delete_images(collection, [delete.image_id])
        return images, following


def test_what_is_written_and_deleted_meanwhile_stays_so(command: Command, album: Path) -> None:
    tally = Tally()
    with Overtaken(command.address, album) as client:
        coverage = Feeder(client, Plan(NAME, "shape"), tally).run()
        assert (coverage.covered, coverage.images) == (COUNT - 1, COUNT - 1)
        assert (tally.counted(FED), tally.counted(CHANGED)) == (COUNT - 2, 2)
        labels = {image.image_id: image.attributes["label"] for image in client.images(NAME)}
    assert labels["album@200/photo@200000.png"] == "mine"
    assert "album@200/photo@200001.png" not in labels
    assert len(labels) == COUNT - 1


def test_what_has_changed_at_its_address_is_indexed_as_it_is_now(command: Command, album: Path) -> None:
    first, second = album / "album 0" / "photo 0000.png", album / "album 0" / "photo 0001.png"
    shutil.copy(second, first)
    assert command.json("collections", "feed-model", NAME, "shape")["fed"] == COUNT
    with MessageClient(command.address) as client:
        ids = [f"album@200/photo@20000{number}.png" for number in (0, 1)]
        before, after = (client.image(NAME, image_id).content_sha256 for image_id in ids)
    assert before == after


def test_help_says_what_is_read_anew(running: Running) -> None:
    told = running.command.run("collections", "feed-model", "--help")
    text = " ".join(told.stdout.replace("│", " ").split())
    assert "Where the content there has changed since it was indexed, the new content is what is indexed" in text
    assert "LIKENESS_EMBEDDER_URI_PREFIXES" in text
