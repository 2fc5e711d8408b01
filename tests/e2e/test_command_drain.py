"""SIGTERM to each service under load."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from deploy.local.process import wait_until
from likeness.v1 import embedder_pb2, embedder_pb2_grpc, image_search_pb2_grpc, search_pb2, search_pb2_grpc, types_pb2
from likeness.v1 import image_search_pb2 as pb
from tests.e2e.conftest import Running, running_stack, write_photos

DRAIN_SECONDS = 1.0
NAMES = ("gateway", "embedder", "search")


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A stack of its own, with time to look at it while it drains, and twenty pictures in it."""
    drain = {f"LIKENESS_{name.upper()}_DRAIN_SECONDS": str(DRAIN_SECONDS) for name in NAMES}
    write_photos(tmp_path / "album", range(20))
    with running_stack(tmp_path / "state", **drain) as started:
        started.command.json("index", str(tmp_path / "album"), "-c", "drained")
        yield started


def calls_of(running: Running, name: str, photo: bytes) -> Callable[[grpc.Channel], Any]:
    """Return a call that keeps a service busy."""
    image = types_pb2.Image(content=photo)
    if name == "embedder":
        request = embedder_pb2.EmbedRequest(images=[image] * 8)
        return lambda channel: embedder_pb2_grpc.EmbedderServiceStub(channel).Embed(request, timeout=20)
    if name == "search":
        search = search_pb2.SearchRequest(collection="drained", image_id=first_id(running))
        return lambda channel: search_pb2_grpc.SearchServiceStub(channel).Search(search, timeout=20)
    query = pb.SearchImagesRequest(collection="drained", image=image)
    return lambda channel: image_search_pb2_grpc.ImageSearchServiceStub(channel).SearchImages(query, timeout=20)


def first_id(running: Running) -> str:
    """Return the first id of the collection."""
    with grpc.insecure_channel(running.command.address) as channel:
        stub = image_search_pb2_grpc.ImageSearchServiceStub(channel)
        page = stub.ListImages(pb.ListImagesRequest(collection="drained", page_size=1))
    return str(page.images[0].image_id)


class Load:
    """Calls, one after the other in each of a few threads, and when each began, ended and how."""

    def __init__(self, address: str, call: Callable[[grpc.Channel], Any]) -> None:
        self.calls: list[tuple[float, float, str]] = []
        self._address, self._call = address, call
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        with grpc.insecure_channel(self._address) as channel:
            while not self._stop.is_set():
                began = time.monotonic()
                try:
                    self._call(channel)
                    code = "OK"
                except grpc.RpcError as error:
                    code = error.code().name
                self.calls.append((began, time.monotonic(), code))
                if code != "OK":
                    return


def status_of(address: str) -> int:
    with grpc.insecure_channel(address) as channel:
        health: Any = health_pb2_grpc.HealthStub(channel)
        return int(health.Check(health_pb2.HealthCheckRequest(), timeout=1).status)


@pytest.mark.parametrize("name", NAMES)
def test_a_service_that_is_told_to_stop_finishes_what_it_has(running: Running, tmp_path: Path, name: str) -> None:
    ports = running.stack.settings.ports
    process = running.stack._processes[name]
    photo = next((tmp_path / "album").rglob("*.png")).read_bytes()
    with Load(ports.address(name), calls_of(running, name, photo)) as load:
        assert wait_until(lambda: len(load.calls) > 20, 60)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGTERM)
        told = time.monotonic()
        assert wait_until(
            lambda: status_of(ports.health_address(name)) == health_pb2.HealthCheckResponse.NOT_SERVING,
            DRAIN_SECONDS / 2,
        )
        assert process._child is not None
        assert process._child.wait(30) == 0
    promised = [call for call in load.calls if call[0] < told + DRAIN_SECONDS * 0.9]
    assert {code for _, _, code in promised} == {"OK"}
    assert any(began < told < ended for began, ended, _ in promised)
    assert any(began > told for began, _, _ in promised), "calls are served while balancers notice"
