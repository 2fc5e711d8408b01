"""What is said when something goes wrong, to people and to programs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2, status_pb2
from typer.testing import CliRunner

from likeness.advice import explain
from likeness.cli import app
from likeness.errors import LikenessError
from likeness.v1 import image_search_pb2 as pb
from tests.unit.likeness.conftest import Serve

NOBODY = ("--address", "127.0.0.1:1")


def error_of(stdout: str) -> Any:
    document = json.loads(stdout)
    assert list(document) == ["error"]
    return document["error"]


@pytest.mark.parametrize(
    ("arguments", "status", "reason", "words"),
    [
        (("models",), 1, "UNAVAILABLE", "Connection refused"),
        (("search",), 2, "INVALID_FIELD", "--id"),
        (("collections", "create", "pets", "--models", ","), 2, "INVALID_FIELD", "--models names no model"),
        (("evaluate", "--plot", "x.txt"), 2, "INVALID_FIELD", "--plot"),
        (("index", ".", "."), 2, "DUPLICATE_FOLDER", "is given twice"),
        (("search", "nowhere.jpg"), 2, "USAGE", "nowhere.jpg"),
        (("search", "--id", "a", "-k", "0"), 2, "USAGE", "top-k"),
        (("search", "--nonsense"), 2, "USAGE", "--nonsense"),
        (("index",), 2, "USAGE", "DIR"),
        (("index", "nowhere"), 2, "USAGE", "nowhere"),
    ],
)
def test_with_json_an_error_is_a_document_too(arguments: tuple[str, ...], status: int, reason: str, words: str) -> None:
    told = CliRunner().invoke(app, [*NOBODY, *arguments])
    done = CliRunner().invoke(app, [*NOBODY, *arguments, "--json"])
    assert (done.exit_code, done.stderr) == (told.exit_code, told.stderr)
    assert done.exit_code == status
    assert told.stdout == ""
    error = error_of(done.stdout)
    assert set(error) == {"code", "reason", "message", "violations"}
    assert error["reason"] == reason
    assert words in error["message"]


@pytest.mark.parametrize("place", [0, 1, 2])
def test_the_address_may_stand_behind_the_command(place: int) -> None:
    line = ["collections", "delete"]
    for address in (["--address", "127.0.0.1:2"], ["--address=127.0.0.1:2"]):
        done = CliRunner().invoke(app, [*NOBODY, *line[:place], *address, *line[place:], "pets", "--json"])
        assert "127.0.0.1:2" in error_of(done.stdout)["message"]


def test_an_address_without_its_value_is_wrong_use() -> None:
    done = CliRunner().invoke(app, ["models", "--address"])
    assert done.exit_code == 2
    assert "--address" in done.stderr


@pytest.mark.parametrize("address", ["", "http://127.0.0.1:50050", "https://likeness.example"])
def test_an_address_that_cannot_be_one_is_refused_before_it_is_used(address: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "likeness", "--address", address, "models"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("INVALID_FIELD: --address is HOST:PORT")
    assert done.stderr.count("\n") == 1


def test_the_address_of_another_service_is_recognised(serve: Serve) -> None:
    with serve() as address:
        done = CliRunner().invoke(app, ["--address", address, "models"])
        assert done.exit_code == 1
        assert "The gateway's is wanted" in done.stderr
        shown = CliRunner().invoke(app, ["--address", address, "status", "--json"])
        parts = json.loads(shown.stdout)["parts"]
        assert parts[0]["name"] == "gateway"
        assert "another service answers at this address" in parts[0]["message"]


def abort(code: grpc.StatusCode, message: str) -> Any:
    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        context.abort(code, message)

    return answer


@pytest.mark.parametrize(
    ("code", "goes_on"), [(grpc.StatusCode.NOT_FOUND, False), (grpc.StatusCode.DEADLINE_EXCEEDED, True)]
)
def test_only_what_may_pass_is_said_to_go_on(
    serve: Serve, tmp_path: Path, code: grpc.StatusCode, goes_on: bool
) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    found = pb.GetCollectionResponse(collection=pb.Collection(name="photos"))
    answers = {
        "GetCollection": (pb.GetCollectionRequest, lambda *_: found),
        "IndexImages": (pb.IndexImagesRequest, abort(code, "no")),
    }
    with serve(**answers) as address:
        done = CliRunner().invoke(app, ["--address", address, "index", str(tmp_path), "--patience", "0"])
    assert done.exit_code == 1
    assert ("the same command goes on" in done.stderr) == goes_on
    assert f"{code.name}: no" in done.stderr


def test_a_part_that_is_silent_does_not_answer(serve: Serve) -> None:
    answers = {
        "ListModels": (pb.ListCollectionsRequest, abort(grpc.StatusCode.DEADLINE_EXCEEDED, "Deadline Exceeded")),
        "ListCollections": (pb.ListCollectionsRequest, lambda *_: pb.ListCollectionsResponse()),
        "Check": (pb.ListCollectionsRequest, lambda *_: pb.ListCollectionsResponse()),
    }
    with serve(**answers) as address:
        done = CliRunner().invoke(app, ["--address", address, "status", "--json"])
    assert done.exit_code == 1
    parts = {part["name"]: (part["answers"], part["message"]) for part in json.loads(done.stdout)["parts"]}
    assert parts == {
        "gateway": (True, None),
        "embedder": (False, "does not answer within 5 s"),
        "search": (True, None),
    }


@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_a_full_disk_is_told(serve: Serve, json_option: list[str]) -> None:
    answers = {"ListCollections": (pb.ListCollectionsRequest, lambda *_: pb.ListCollectionsResponse())}
    with serve(**answers) as address, Path("/dev/full").open("w") as full:
        line = [sys.executable, "-m", "likeness", "--address", address, "collections", *json_option]
        done = subprocess.run(line, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr == "OUTPUT_UNWRITABLE: the answer cannot be written: No space left on device.\n"


def test_a_terminal_without_a_character_gets_an_escape(serve: Serve) -> None:
    made = pb.ListCollectionsResponse(collections=[pb.Collection(name="photos", models=["é"])])
    answers = {"ListCollections": (pb.ListCollectionsRequest, lambda *_: made)}
    with serve(**answers) as address:
        line = [sys.executable, "-m", "likeness", "--address", address, "collections"]
        environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
        done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\xe9" in done.stdout


def collection_of(*bindings: tuple[str, str]) -> pb.Collection:
    bound = [pb.ModelBinding(model=model, state=f"STATE_{state}") for model, state in bindings]
    return pb.Collection(name="c", models=[b.model for b in bound], bindings=bound)


PLAIN = collection_of(("colour", "ACTIVE"), ("shape", "BUILDING"))
DONE = collection_of(("shape", "ACTIVE"))


@pytest.mark.parametrize(
    ("found", "arguments", "status", "told"),
    [
        (PLAIN, "activate-model c shape --replaces typo", 1, "MODEL_NOT_FOUND: collection 'c' has the models colour,"),
        (PLAIN, "activate-model c typo", 1, "add-model` adds one"),
        (PLAIN, "remove-model c typo", 1, "MODEL_NOT_FOUND: collection 'c' has the models colour, shape, and not"),
        (PLAIN, "activate-model c shape --replaces colour", 0, ""),
        (PLAIN, "remove-model c shape", 0, ""),
        (DONE, "activate-model c shape", 0, "shape was active already.\n"),
        (DONE, "activate-model c shape --replaces colour", 0, "shape was active already, and colour is not in c.\n"),
    ],
)
def test_a_model_that_a_collection_lacks_is_told_before_anything_changes(
    serve: Serve, found: pb.Collection, arguments: str, status: int, told: str
) -> None:
    changes: list[Any] = []

    def changed(answer: Any) -> Any:
        def answered(request: Any, _: grpc.ServicerContext) -> Any:
            changes.append(request)
            return answer

        return answered

    answers = {
        "GetCollection": (pb.GetCollectionRequest, lambda *_: pb.GetCollectionResponse(collection=found)),
        "ActivateModel": (pb.ActivateModelRequest, changed(pb.ActivateModelResponse(collection=DONE))),
        "RemoveModel": (pb.RemoveModelRequest, changed(pb.RemoveModelResponse(collection=DONE))),
    }
    with serve(**answers) as address:
        done = CliRunner().invoke(app, ["--address", address, "collections", *arguments.split()])
    assert (done.exit_code, len(changes)) == (status, 1 - status)
    assert told in done.stderr
    assert bool(told) == bool(done.stderr)


def test_lost_records_are_told_with_what_brings_them_back() -> None:
    told = explain(LikenessError("UNAVAILABLE", "BACKEND_UNAVAILABLE", "records seem to be lost"))
    assert "`python -m search_service rebuild`" in told
    assert "reconcile" in told
    assert "likeness status" in explain(LikenessError("UNAVAILABLE", "BACKEND_UNAVAILABLE", "redis: gone"))


@pytest.mark.parametrize("command", ["search", "compare"])
def test_a_file_that_is_no_picture_is_named(serve: Serve, tmp_path: Path, command: str) -> None:
    file = tmp_path / "text.jpg"
    file.write_text("no picture")
    undecodable = status_pb2.Status(code=3, message="image.content: no picture")
    undecodable.details.add().Pack(error_details_pb2.ErrorInfo(reason="IMAGE_UNDECODABLE"))

    def refuse(_: Any, context: grpc.ServicerContext) -> Any:
        context.set_trailing_metadata((("grpc-status-details-bin", undecodable.SerializeToString()),))
        context.abort(grpc.StatusCode.INVALID_ARGUMENT, undecodable.message)

    answers = {"SearchImages": (pb.SearchImagesRequest, refuse), "CompareModels": (pb.CompareModelsRequest, refuse)}
    with serve(**answers) as address:
        done = CliRunner().invoke(app, ["--address", address, command, str(file)])
    assert done.exit_code == 1
    assert done.stderr == f"IMAGE_UNDECODABLE: {file}: image.content: no picture.\n"


@pytest.mark.parametrize(
    "content", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
)
def test_a_broken_file_of_authorities_is_told_as_such(tmp_path: Path, content: str) -> None:
    file = tmp_path / "ca.pem"
    file.write_text(content)
    done = CliRunner().invoke(app, [*NOBODY, "--ca-file", str(file), "models"])
    assert done.exit_code == 1
    assert done.stderr.startswith(f"INVALID_FIELD: {file} holds no certificates in PEM")
    assert "gateway running" not in done.stderr
