"""Models are added, replaced and removed while the embedder answers calls."""

import asyncio
import os
import shutil
import signal
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from embedder_service import golden
from embedder_service.app import build
from embedder_service.model_card import ModelCard
from likeness.v1 import embedder_pb2, embedder_pb2_grpc, model_admin_pb2, model_admin_pb2_grpc, types_pb2
from tests import embedder_images as images
from tests import embedder_models
from tests.embedder_process import embedder_process, until_serving
from tests.integration.test_embedder_server import NAME, settings
from tests.serving import Serving, ready

Serve = Callable[..., Awaitable[Serving]]
NOISE = types_pb2.Image(content=images.encode(images.noise(8, 8), "PNG"))


def put(repository: Path, name: str, bias: float) -> str:
    """Put a model there as whole folders come: written beside, and swapped in by renames. Return its fingerprint."""
    content = embedder_models.average_colour(bias=bias)
    fields = embedder_models.card(name, content, 3)
    made = embedder_models.write(repository / ".making", fields, content)
    if (repository / name).exists():
        (repository / name).rename(repository / ".making" / "old")
    made.rename(repository / name)
    shutil.rmtree(repository / ".making")
    return ModelCard.model_validate(fields).fingerprint


def put_golden(folder: Path, vector: Sequence[float]) -> None:
    """Have golden.json say that every golden picture has this vector."""
    made = ModelCard.model_validate(tomllib.loads((folder / "model.toml").read_text()))
    rows = np.array([vector] * golden.COUNT, np.float32)
    (folder / golden.FILE).write_text(golden.Golden.of(made.fingerprint, rows).text())


class Caller:
    """A client of the embedder and of its admin service."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.embedder: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
        self.admin: Any = model_admin_pb2_grpc.ModelAdminServiceStub(channel)

    async def reload(self) -> model_admin_pb2.ReloadModelsResponse:
        response = await self.admin.ReloadModels(model_admin_pb2.ReloadModelsRequest(), timeout=30)
        assert isinstance(response, model_admin_pb2.ReloadModelsResponse)
        return response

    async def fingerprints(self, *models: str) -> set[str]:
        request = embedder_pb2.EmbedRequest(images=[NOISE], models=models)
        (result,) = (await self.embedder.Embed(request, timeout=30)).results
        return {embedding.fingerprint for embedding in result.embeddings}


@pytest.fixture
async def caller(serve: Serve, tmp_path: Path) -> AsyncIterator[Caller]:
    put(tmp_path, "mine", 0)
    server = await serve(build, settings(tmp_path, built_in_models=False))
    async with grpc.aio.insecure_channel(server.address) as channel:
        yield Caller(channel)


async def test_models_come_change_and_go(caller: Caller, tmp_path: Path) -> None:
    (first,) = await caller.fingerprints("mine")
    put(tmp_path, "mine", 0.5)
    put(tmp_path, "other", 0.25)
    change = await caller.reload()
    assert (list(change.added), list(change.replaced), list(change.removed)) == (["other"], ["mine"], [])
    assert first not in await caller.fingerprints("mine")
    shutil.rmtree(tmp_path / "other")
    change = await caller.reload()
    assert (list(change.added), list(change.replaced), list(change.removed)) == ([], [], ["other"])
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await caller.fingerprints("other")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_nothing_is_loaded_anew_that_has_not_changed(caller: Caller) -> None:
    before = await caller.fingerprints("mine")
    change = await caller.reload()
    assert change == model_admin_pb2.ReloadModelsResponse()
    assert await caller.fingerprints("mine") == before


async def test_a_new_version_that_is_wrong_leaves_the_old_one_serving(caller: Caller, tmp_path: Path) -> None:
    before = await caller.fingerprints("mine")
    put(tmp_path, "mine", 0.5)
    (tmp_path / "mine" / "model.onnx").write_bytes(b"<html>")
    (refused,) = (await caller.reload()).refused
    assert (refused.name, refused.problem) == ("mine", "model.onnx is a web page, not a network")
    assert await caller.fingerprints("mine") == before


async def test_a_file_that_was_changed_beside_its_card_is_noticed(caller: Caller, tmp_path: Path) -> None:
    before = await caller.fingerprints("mine")
    network, content = tmp_path / "mine" / "model.onnx", (tmp_path / "mine" / "model.onnx").read_bytes()
    network.write_bytes(b"junk")
    (refused,) = (await caller.reload()).refused
    assert (refused.name, refused.problem[:24]) == ("mine", "the sha256 of model.onnx")
    assert await caller.fingerprints("mine") == before
    network.write_bytes(content)
    assert await caller.reload() == model_admin_pb2.ReloadModelsResponse()
    put_golden(tmp_path / "mine", [1, 0, 0])
    (refused,) = (await caller.reload()).refused
    assert refused.problem.startswith("it does not give its golden vectors here")
    assert await caller.fingerprints("mine") == before


async def test_a_folder_whose_name_is_not_utf_8_is_refused_by_name(caller: Caller, tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff-\xfe")).mkdir()
    put(tmp_path, "other", 0.25)
    change = await caller.reload()
    assert list(change.added) == ["other"]
    assert [(each.name, each.problem) for each in change.refused] == [
        ("?-?", "model.toml cannot be read: No such file or directory")
    ]


async def test_no_call_fails_while_a_model_is_replaced_again_and_again(caller: Caller, tmp_path: Path) -> None:
    """Each call gets one version whole, and the last one that was put there is what serves in the end."""
    seen: set[str] = set()
    done = asyncio.Event()

    async def call() -> None:
        while not done.is_set():
            seen.update(await caller.fingerprints("mine"))

    calls = [asyncio.create_task(call()) for _ in range(8)]
    for bias in (0.1, 0.2, 0.3):
        last = put(tmp_path, "mine", bias)
        assert list((await caller.reload()).replaced) == ["mine"]
    done.set()
    await asyncio.gather(*calls)
    assert await caller.fingerprints("mine") == {last}
    assert len(seen) > 1


async def test_no_limit_on_callers_pictures_is_one_on_golden_pictures(serve: Serve, tmp_path: Path) -> None:
    content = embedder_models.constant([1, 0, 0])
    put_golden(embedder_models.write(tmp_path, embedder_models.card("fixed", content, 3), content), [1, 0, 0])
    limits = {"max_image_bytes": 10, "max_image_side_px": 1, "max_image_pixels": 1, "decode_cpu_seconds": 0.01}
    server = await serve(build, settings(tmp_path, built_in_models=False, **limits))
    async with grpc.aio.insecure_channel(server.address) as channel:
        models = (await Caller(channel).embedder.ListModels(embedder_pb2.ListModelsRequest())).models
    assert [model.name for model in models] == ["fixed"]


def process(repository: Path, **more: str) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
    """`python -m embedder_service`, over one folder of models."""
    return embedder_process(HEALTH_INTERVAL_SECONDS="0.05", MODEL_DIRS=str(repository), BUILT_IN_MODELS="false", **more)


async def test_sighup_has_the_folders_looked_at_again(tmp_path: Path) -> None:
    put(tmp_path, "mine", 0)
    async with process(tmp_path) as running:
        ports = (await until_serving(running))["serving"]
        put(tmp_path, "new", 0.5)
        running.send_signal(signal.SIGHUP)
        await ready(f"127.0.0.1:{ports['health_port']}", f"{NAME}/new")
        async with grpc.aio.insecure_channel(f"127.0.0.1:{ports['port']}") as channel:
            assert len(await Caller(channel).fingerprints()) == 2
