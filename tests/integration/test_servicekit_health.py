"""Health and reflection, as probes and callers see them."""

import asyncio
import contextlib
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2

from servicekit import server
from tests.integration import servicekit_probe as probe
from tests.integration.servicekit_probe import ProbeSettings
from tests.serving import Serving

Serve = Callable[..., Awaitable[Serving]]
PATIENCE_SECONDS = 5


class Part:
    """A part that answers, fails or hangs as told."""

    name = "part"

    def __init__(self) -> None:
        self.state = "answers"

    async def check(self) -> None:
        if self.state == "fails":
            raise ConnectionError("redis://user:secret@host")
        if self.state == "hangs":
            await asyncio.Event().wait()


async def turns(address: str, service: str, status: str) -> None:
    """Return once a watcher of `service` is told `status`."""
    async with asyncio.timeout(PATIENCE_SECONDS), grpc.aio.insecure_channel(address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        async for answer in stub.Watch(health_pb2.HealthCheckRequest(service=service)):
            if health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status) == status:
                return


@pytest.mark.parametrize("state", ["fails", "hangs"])
async def test_a_part_that_does_not_answer_flips_readiness_until_it_does(serve: Serve, state: str) -> None:
    part, well = Part(), Part()
    well.name = "another"
    running = await serve(probe.build_with(probe.nothing, checks=[part, well]), ProbeSettings())
    await running.ready()
    part.state = state
    for name in ("", probe.EMBEDDER):
        await turns(running.health_address, name, "NOT_SERVING")
    assert await probe.health_of(running.health_address, "liveness") == "SERVING"
    part.state = "answers"
    for name in ("", probe.EMBEDDER):
        await turns(running.health_address, name, "SERVING")


async def test_health_is_on_a_port_of_its_own_and_on_the_services(serve: Serve) -> None:
    running = await serve(probe.build_with(probe.nothing), ProbeSettings())
    await running.ready()
    assert running.address != running.health_address
    for address in (running.address, running.health_address):
        for name in ("", "liveness", probe.EMBEDDER):
            assert await probe.health_of(address, name) == "SERVING"


async def test_the_health_port_serves_nothing_else(serve: Serve) -> None:
    running = await serve(probe.build_with(probe.nothing), ProbeSettings())
    async with grpc.aio.insecure_channel(running.health_address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await probe.unary_unary(channel, "cat")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def probed(address: str) -> int:
    """Return the exit status of the program that a container's health check runs."""
    program = await asyncio.create_subprocess_exec(sys.executable, "-m", "servicekit.probe", address)
    return await asyncio.wait_for(program.wait(), PATIENCE_SECONDS)


async def test_a_container_is_healthy_while_its_server_is_ready(serve: Serve) -> None:
    part = Part()
    running = await serve(probe.build_with(probe.nothing, checks=[part]), ProbeSettings())
    await running.ready()
    assert await probed(running.health_address) == 0
    part.state = "fails"
    await turns(running.health_address, "", "NOT_SERVING")
    assert await probed(running.health_address) == 1
    await running.stop()
    assert await probed(running.health_address) == 1


async def test_a_name_that_nobody_serves_is_not_found(serve: Serve) -> None:
    running = await serve(probe.build_with(probe.nothing), ProbeSettings())
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await probe.health_of(running.health_address, "likeness.v1.Nothing")
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND


async def test_what_cannot_be_used_is_said_by_name(serve: Serve) -> None:
    parts = {"model/broken": False, "model/good": True}
    settings = ProbeSettings(health_interval_seconds=0.05)
    running = await serve(probe.build_with(probe.nothing, parts=lambda: parts), settings)
    await running.ready()
    assert await probe.health_of(running.health_address, "model/broken") == "NOT_SERVING"
    assert await probe.health_of(running.health_address, "model/good") == "SERVING"
    parts["model/broken"] = True
    del parts["model/good"]
    await running.ready("model/broken")
    assert await probe.health_of(running.health_address, "model/good") == "NOT_SERVING"


async def test_a_server_whose_parts_still_open_lives_and_is_not_ready() -> None:
    opening = asyncio.Event()

    @contextlib.asynccontextmanager
    async def build(_: ProbeSettings) -> AsyncIterator[server.App]:
        opening.set()
        await asyncio.Event().wait()
        yield server.App([])

    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    stop = asyncio.Event()
    task = asyncio.create_task(server.run(build, ProbeSettings(health_port=port), stop=stop))
    await asyncio.wait_for(opening.wait(), PATIENCE_SECONDS)
    assert await probe.health_of(f"127.0.0.1:{port}", "liveness") == "SERVING"
    assert await probe.health_of(f"127.0.0.1:{port}") == "NOT_SERVING"
    stop.set()
    await asyncio.wait_for(task, PATIENCE_SECONDS)


REFLECTION = ["grpc.reflection.v1.ServerReflection", "grpc.reflection.v1alpha.ServerReflection"]


async def reflect(channel: grpc.aio.Channel, service: str, **question: Any) -> Any:
    """Ask one question. The two versions differ in their package's name only, so that one's messages serve both."""
    method: Any = channel.stream_stream(
        f"/{service}/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString,
    )
    (answer,) = [each async for each in method(iter([reflection_pb2.ServerReflectionRequest(**question)]))]
    return answer


@pytest.mark.parametrize("version", REFLECTION)
async def test_reflection_lists_and_describes(serve: Serve, version: str) -> None:
    running = await serve(probe.build_with(probe.nothing), ProbeSettings())
    async with grpc.aio.insecure_channel(running.address) as channel:
        listed = await reflect(channel, version, list_services="")
        described = await reflect(channel, version, file_containing_symbol=probe.EMBEDDER)
        health = await reflect(channel, version, file_containing_symbol="grpc.health.v1.Health")
    names = {service.name for service in listed.list_services_response.service}
    assert {probe.EMBEDDER, "grpc.health.v1.Health"} <= names
    files = [
        descriptor_pb2.FileDescriptorProto.FromString(raw)
        for raw in described.file_descriptor_response.file_descriptor_proto
    ]
    methods = {method.name for file in files for service in file.service for method in service.method}
    assert {"Embed", "StreamEmbed", "ListModels", "GetModel"} <= methods
    assert health.WhichOneof("message_response") == "file_descriptor_response"


@pytest.mark.parametrize("version", REFLECTION)
async def test_reflection_can_be_turned_off(serve: Serve, version: str) -> None:
    running = await serve(probe.build_with(probe.nothing), ProbeSettings(reflection=False))
    async with grpc.aio.insecure_channel(running.address) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await reflect(channel, version, list_services="")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
