"""The embedder dies too: the whole stack under a crowd that speaks to the gateway with pictures."""

import os
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest

from deploy.local.record import Record
from deploy.local.stack import START_ORDER, Stack
from likeness.v1 import embedder_pb2_grpc, image_search_pb2_grpc
from tests.chaos.gateway import GatewayCaller, Vectors
from tests.chaos.rounds import Rounds
from tests.chaos.site import HASTE
from tests.chaos.stored import swept
from tests.e2e.conftest import running_stack
from tests.oracle import Oracle
from tests.servers import lite_processes

# Pictures cost time; three rounds here to eight without them.
ROUNDS = max(3, int(os.environ.get("ROUNDS", "8")) * 3 // 8)
IMAGE_IDS = [f"image-{number}" for number in range(16)]
OPTIONS = [("grpc.initial_reconnect_backoff_ms", 20), ("grpc.max_reconnect_backoff_ms", 100)]


class WholeStack:
    """The stack as a place where processes die."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    @property
    def milvus_uri(self) -> str:
        (pid,) = self._lite()
        return Path(f"/proc/{pid}/cmdline").read_text().split("\0")[2]

    @property
    def redis_url(self) -> str:
        record = Record.read(self._stack.settings.state)
        assert record is not None
        return f"unix://{record.run_directory / 'redis.sock'}"

    def kill(self, name: str) -> None:
        if name == "lite":
            self._signal(name, signal.SIGKILL)
        else:
            self._stack.kill(name)

    def pause(self, name: str) -> None:
        self._signal(name, signal.SIGSTOP)

    def go_on(self, name: str) -> None:
        self._signal(name, signal.SIGCONT)

    def revive(self, names: Sequence[str]) -> None:
        for name in START_ORDER:
            if name in names:
                self._stack.start_part(name)

    def errors(self) -> list[str]:
        logs = [status.log for status in self._stack.status() if status.name != "redis"]
        return [line for log in logs for line in log.read_text().splitlines() if '"level": "error"' in line]

    def _signal(self, name: str, number: signal.Signals) -> None:
        pids = {status.name: status.pid for status in self._stack.status()}
        for pid in self._lite() if name == "lite" else filter(None, [pids[name]]):
            os.kill(pid, number)

    def _lite(self) -> list[int]:
        return lite_processes(self._stack.settings.state / "milvus" / "likeness.db")


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[Stack]:
    with running_stack(tmp_path, **HASTE) as running:
        yield running.stack


async def test_nothing_acknowledged_is_lost_though_the_embedder_dies(
    whole: Stack, capsys: pytest.CaptureFixture[str]
) -> None:
    ports = whole.settings.ports
    async with (
        grpc.aio.insecure_channel(ports.address("embedder")) as to_embedder,
        grpc.aio.insecure_channel(ports.address("gateway"), options=OPTIONS) as to_gateway,
    ):
        embedder: Any = embedder_pb2_grpc.EmbedderServiceStub(to_embedder)
        gateway: Any = image_search_pb2_grpc.ImageSearchServiceStub(to_gateway)
        vectors = await Vectors.embedded(embedder)
        caller, place = GatewayCaller(gateway, Oracle(vectors.distance)), WholeStack(whole)
        await caller.create()
        victims = ("embedder", "gateway", "search", "redis", "lite")
        rounds = Rounds(place, caller, victims, IMAGE_IDS, lambda: swept(place, caller))
        told = await rounds.play(ROUNDS)
    with capsys.disabled():
        print(f"\n{told}")
