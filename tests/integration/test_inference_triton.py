"""Triton's own client, from PyPI and unchanged, against the embedder's port."""

import asyncio
import base64
import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from google.protobuf import descriptor_pb2

from embedder_service.app import build
from embedder_service.inference import open_inference_pb2
from embedder_service.settings import EmbedderSettings
from likeness.release import RELEASE
from likeness.v1 import embedder_pb2, embedder_pb2_grpc, types_pb2
from tests import embedder_images as images
from tests.serving import Serving, serving

JPEGS = [images.encode(images.noise(40, 60, seed=seed), "JPEG") for seed in range(5)]
ENCODED = [base64.b64encode(jpeg).decode() for jpeg in JPEGS]
MODELS = ["colour", "shape"]


@pytest.fixture(scope="module")
async def embedder() -> AsyncIterator[Serving]:
    async with serving(build, EmbedderSettings(port=0, health_port=0, metrics_port=0, drain_seconds=0)) as server:
        yield server


@pytest.fixture(scope="module")
async def cards(embedder: Serving) -> dict[str, embedder_pb2.Model]:
    async with grpc.aio.insecure_channel(embedder.address) as channel:
        stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
        return {model.name: model for model in (await stub.ListModels(embedder_pb2.ListModelsRequest())).models}


async def output_of(root: Path, script: Path, asked: str = "", directory: Path | None = None) -> str:
    """Run a script where Triton's client is installed."""
    python = root / ".tools" / "triton" / "bin" / "python"
    if not python.exists():
        pytest.fail("Triton's client is not installed; run: tests/install.sh triton")
    run = partial(subprocess.run, input=asked, cwd=directory, capture_output=True, text=True, check=False)
    done = await asyncio.to_thread(run, [str(python), str(script)])
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


async def triton(root: Path, address: str, *steps: dict[str, Any]) -> list[Any]:
    """Return what Triton's client made of each step."""
    asked = json.dumps({"address": address, "steps": steps})
    answers: list[Any] = json.loads(await output_of(root, root / "tests" / "triton_client.py", asked))
    return answers


async def vectors(address: str, model: str) -> Any:
    request = embedder_pb2.EmbedRequest(images=[types_pb2.Image(content=jpeg) for jpeg in JPEGS], models=[model])
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
        results = (await stub.Embed(request)).results
    return np.array([result.embeddings[0].vector.values for result in results], np.float64)


async def test_it_infers_the_vectors_that_embed_gives(root: Path, embedder: Serving, cards: dict[str, Any]) -> None:
    answers = await triton(
        root, embedder.address, *({"call": "infer", "model": model, "images": ENCODED} for model in MODELS)
    )
    for model, answer in zip(MODELS, answers, strict=True):
        assert (answer["id"], answer["version"], answer["dtype"]) == ("r-1", cards[model].fingerprint, "float32")
        ours = await vectors(embedder.address, model)
        theirs = np.array(answer["rows"])
        assert theirs.shape == ours.shape == (len(JPEGS), cards[model].dimension)
        cosines = (ours * theirs).sum(axis=1) / (np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1))
        assert cosines.min() >= 1 - 1e-6


async def test_a_version_a_column_and_compression_are_taken(
    root: Path, embedder: Serving, cards: dict[str, Any]
) -> None:
    step = {"call": "infer", "model": "colour", "images": ENCODED}
    version = cards["colour"].fingerprint
    plain, versioned, column, packed = await triton(
        root,
        embedder.address,
        step,
        {**step, "version": version},
        {**step, "shape": [5, 1]},
        {**step, "compression": "gzip"},
    )
    assert plain == versioned == column == packed


async def test_it_says_what_is_served(root: Path, embedder: Serving, cards: dict[str, Any]) -> None:
    fingerprint = cards["shape"].fingerprint
    answers = await triton(
        root,
        embedder.address,
        {"call": "live"},
        {"call": "ready"},
        {"call": "model_ready", "model": "shape"},
        {"call": "model_ready", "model": "shape", "version": fingerprint},
        {"call": "model_ready", "model": "shape", "version": "1"},
        {"call": "model_ready", "model": "nothing"},
        {"call": "server"},
        {"call": "model", "model": "shape"},
    )
    dimension = str(cards["shape"].dimension)
    described = {
        "name": "shape",
        "versions": [fingerprint],
        "platform": "onnxruntime_onnx",
        "inputs": [{"name": "image", "datatype": "BYTES", "shape": ["-1"]}],
        "outputs": [{"name": "vector", "datatype": "FP32", "shape": ["-1", dimension]}],
    }
    named = {"name": "likeness-embedder", "version": RELEASE}
    assert answers == [True, True, True, True, False, False, named, described]


async def test_a_server_without_models_is_live_and_not_ready(root: Path) -> None:
    settings = EmbedderSettings(port=0, health_port=0, metrics_port=0, drain_seconds=0, built_in_models=False)
    async with serving(build, settings) as server:
        answers = await triton(root, server.address, {"call": "live"}, {"call": "ready"})
    assert answers == [True, False]


async def test_errors_arrive_with_their_code_and_their_words(root: Path, embedder: Serving) -> None:
    step = {"call": "infer", "model": "colour", "images": ENCODED[:1]}
    text = base64.b64encode(b"just some text").decode()
    unknown, version, unreadable, name, late = await triton(
        root,
        embedder.address,
        {**step, "model": "nothing"},
        {**step, "version": "1"},
        {**step, "images": [ENCODED[0], text]},
        {**step, "input": "INPUT0"},
        {**step, "timeout_seconds": 1e-6},
    )
    assert unknown == {"status": "StatusCode.NOT_FOUND", "message": "model 'nothing' is not served"}
    assert version["status"] == "StatusCode.NOT_FOUND"
    assert unreadable["status"] == "StatusCode.INVALID_ARGUMENT"
    assert unreadable["message"].startswith("inputs[0][1].content: ")
    assert name["status"] == "StatusCode.INVALID_ARGUMENT"
    assert late["status"] == "StatusCode.DEADLINE_EXCEEDED"


def shape(messages: Iterable[descriptor_pb2.DescriptorProto], prefix: str = "") -> dict[str, Any]:
    """Return what stands on the wire: each field's number, type and label, by message."""
    found: dict[str, Any] = {}
    for message in messages:
        name = f"{prefix}{message.name}"
        found[name] = {field.name: (field.number, field.type, field.label, field.type_name) for field in message.field}
        found |= shape(message.nested_type, f"{name}.")
    return found


async def test_our_file_has_the_names_and_numbers_of_theirs(root: Path, embedder: Serving) -> None:
    (packed,) = await triton(root, embedder.address, {"call": "protocol"})
    theirs = descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(packed))
    ours = descriptor_pb2.FileDescriptorProto()
    open_inference_pb2.DESCRIPTOR.CopyToProto(ours)
    known = shape(theirs.message_type)
    assert shape(ours.message_type) == {name: known[name] for name in shape(ours.message_type)}
    methods = {method.name: (method.input_type, method.output_type) for method in theirs.service[0].method}
    assert ours.service[0].name == theirs.service[0].name
    for method in ours.service[0].method:
        assert (method.input_type, method.output_type) == methods[method.name]


async def test_the_example_of_the_readme_runs(
    root: Path, embedder: Serving, cards: dict[str, Any], tmp_path: Path
) -> None:
    text = (root / "README.md").read_text()
    (code,) = re.findall(r"```python\n([^`]*tritonclient.*?)```", text, flags=re.DOTALL)
    assert "127.0.0.1:50051" in code
    (tmp_path / "photo.jpg").write_bytes(JPEGS[0])
    (tmp_path / "call.py").write_text(code.replace("127.0.0.1:50051", embedder.address))
    assert await output_of(root, tmp_path / "call.py", directory=tmp_path) == f"(1, {cards['shape'].dimension})\n"
