"""The embedder as a server: deadlines, overload, readiness, and the process itself."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from embedder_service.app import build
from embedder_service.settings import EmbedderSettings
from likeness.v1 import embedder_pb2, embedder_pb2_grpc, types_pb2
from servicekit import errors, status
from tests import embedder_images as images
from tests import embedder_models
from tests.embedder_process import embedder_process, until_serving
from tests.serving import Serving

Serve = Callable[..., Awaitable[Serving]]
NAME = "likeness.v1.EmbedderService"
SERVING, NOT_SERVING = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
NOISE = types_pb2.Image(content=images.encode(images.noise(8, 8), "PNG"))
BLACK = types_pb2.Image(content=images.encode(np.zeros((8, 8, 3), np.uint8), "PNG"))


def settings(*repositories: Path, **changes: Any) -> EmbedderSettings:
    fields = {"port": 0, "health_port": 0, "metrics_port": 0, "drain_seconds": 0, "health_interval_seconds": 0.05}
    return EmbedderSettings(model_dirs=repositories, **fields | changes)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Holds `slow`, which never has done with a black picture."""
    content = embedder_models.endless_on_black()
    embedder_models.write(tmp_path, embedder_models.card("slow", content, 3), content)
    return tmp_path


async def refusal(call: Any) -> errors.ServiceError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return status.from_rpc_error(caught.value, "test")


async def health(server: Serving, name: str) -> int:
    async with grpc.aio.insecure_channel(server.health_address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        answer = await stub.Check(health_pb2.HealthCheckRequest(service=name))
        return int(answer.status)


async def test_a_passed_deadline_names_its_stage_and_frees_what_it_held(serve: Serve, repository: Path) -> None:
    """There is one place for runs: the second call is answered only if the first one's run was ended.

    Before the deadline, all pictures that may be ahead of it are decoded, which a busy machine may take a second for.
    """
    changes = {"default_deadline_seconds": 3.0, "concurrent_runs": 1, "max_waiting_images": 64}
    server = await serve(build, settings(repository, **changes))
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
        error = await refusal(stub.Embed(embedder_pb2.EmbedRequest(images=[BLACK] * 64, models=["slow"])))
        assert isinstance(error, errors.DeadlineExceeded)
        assert error.metadata == {"stage": "infer"}
        response = await stub.Embed(embedder_pb2.EmbedRequest(images=[NOISE] * 64), timeout=10)
        assert all(len(result.embeddings) == 3 for result in response.results)


async def test_over_the_bound_images_are_refused_and_told_when_to_come_back(serve: Serve, repository: Path) -> None:
    server = await serve(build, settings(repository, max_waiting_images=64))
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
        full = asyncio.create_task(until_served(stub, embedder_pb2.EmbedRequest(images=[BLACK] * 64, models=["slow"])))
        one = embedder_pb2.EmbedRequest(images=[NOISE], models=["slow"])
        error = await refusal(until_refused(stub, one))
        assert isinstance(error, errors.Unavailable)
        assert (error.code_reason, error.retry_after_seconds) == ("OVERLOADED", 0.5)
        full.cancel()
        await asyncio.wait([full])
        await until_served(stub, one)


async def until_refused(stub: Any, request: embedder_pb2.EmbedRequest) -> None:
    """The call that takes all places may still be on its way."""
    async with asyncio.timeout(10):
        while True:
            await stub.Embed(request)


async def until_served(stub: Any, request: embedder_pb2.EmbedRequest) -> None:
    """Another call may hold the places that this one needs, or the server not have heard yet that it was given up."""
    async with asyncio.timeout(10):
        while True:
            try:
                await stub.Embed(request)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
            else:
                return


async def test_a_refused_model_is_not_serving_and_the_others_are(serve: Serve, repository: Path) -> None:
    (repository / "broken").mkdir()
    server = await serve(build, settings(repository))
    await server.ready()
    assert await health(server, f"{NAME}/broken") == NOT_SERVING
    assert await health(server, NAME) == SERVING
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
        models = (await stub.ListModels(embedder_pb2.ListModelsRequest())).models
        assert [model.name for model in models] == ["colour", "shape", "slow"]


async def test_with_no_model_the_server_is_not_ready(serve: Serve, tmp_path: Path) -> None:
    server = await serve(build, settings(tmp_path, built_in_models=False))
    assert await health(server, "") == NOT_SERVING
    assert await health(server, "liveness") == SERVING
    async with grpc.aio.insecure_channel(server.address) as channel:
        stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
        error = await refusal(stub.Embed(embedder_pb2.EmbedRequest(images=[NOISE])))
        assert isinstance(error, errors.Unavailable)


async def test_the_process_serves_and_stops(repository: Path) -> None:
    async with embedder_process(MODEL_DIRS=str(repository)) as process:
        lines = await until_serving(process)
        assert {"available", "decoders", "runs", "run_threads"} <= lines["processors"].keys()
        assert lines["models loaded"]["models"].keys() == {"colour", "shape", "slow"}
        async with grpc.aio.insecure_channel(f"127.0.0.1:{lines['serving']['port']}") as channel:
            stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
            response = await stub.Embed(embedder_pb2.EmbedRequest(images=[NOISE]), wait_for_ready=True)
            assert len(response.results[0].embeddings) == 3
        process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(10):
            assert await process.wait() == 0
