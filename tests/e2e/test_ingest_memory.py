"""One stream of very many images, with the services as processes: what it takes is what a short one takes."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean

import grpc
import pytest
from PIL import Image

from likeness.v1 import image_search_pb2, image_search_pb2_grpc, types_pb2
from tests.e2e.conftest import Running, running_stack

pb = image_search_pb2
_SAMPLES = 200
_STEADY_MIB = 20
_LEAST_RATE = 300


def resident_mib(pid: int) -> float:
    """Return the memory that a process has in use, its children apart."""
    fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(fields["VmRSS"].split()[0]) / 1024


def messages(collection: str, content: bytes, count: int) -> Iterator[pb.IngestImagesRequest]:
    """Yield so many images, each a message of its own."""
    for i in range(count):
        entry = pb.ImageEntry(image_id=f"x{i:07}", image=types_pb2.Image(content=content))
        yield pb.IngestImagesRequest(collection=collection, entry=entry, item_id=str(i))


@dataclass
class Progress:
    """What was answered, how fast, and the memory of the services meanwhile."""

    pids: dict[str, int]
    every: int
    answered: int = 0
    samples: dict[str, list[float]] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)

    def note(self) -> None:
        self.answered += 1
        if self.answered % self.every == 0:
            for name, pid in self.pids.items():
                self.samples.setdefault(name, []).append(resident_mib(pid))

    def report(self) -> dict[str, float]:
        """Print and return the rate, and how far each service's memory strays in the second half."""
        rate = self.answered / (time.monotonic() - self.started)
        strays = {}
        for name, samples in self.samples.items():
            half = samples[len(samples) // 2 :]
            strays[name] = max(half) - mean(half)
            slope = (half[-1] - half[0]) * 1024 / (self.answered / 2)
            at = ", ".join(f"{samples[i]:.0f}" for i in (0, len(samples) // 2, -1))
            print(f"{name}: {at} MiB first, half-way and last; {slope:.4f} KiB an image")
        print(f"{self.answered} images, {rate:.0f} a second")
        return {**strays, "rate": rate}


def ingest(running: Running, collection: str, content: bytes, count: int) -> dict[str, float]:
    """Stream so many images of one content, and return what that took."""
    pids = {part.name: part.pid for part in running.stack.status() if part.pid and part.name in ("gateway", "search")}
    with grpc.insecure_channel(running.command.address) as channel:
        stub = image_search_pb2_grpc.ImageSearchServiceStub(channel)
        made = pb.Collection(name=collection, models=["colour"])
        stub.CreateCollection(pb.CreateCollectionRequest(collection=made))
        progress = Progress(pids, every=max(1, count // _SAMPLES))
        for response in stub.IngestImages(messages(collection, content, count)):
            if response.HasField("result"):
                assert not response.result.HasField("error"), response.result.error
                progress.note()
        assert progress.answered == count
        there = stub.GetCollection(pb.GetCollectionRequest(name=collection)).collection
        assert there.image_count == count
    return progress.report()


@pytest.mark.parametrize("count", [5_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_a_stream_of_many_images_runs_at_flat_memory(tmp_path: Path, count: int) -> None:
    Image.new("RGB", (16, 16), "teal").save(tmp_path / "tiny.png")
    with running_stack(tmp_path / "state") as running:
        took = ingest(running, "many", (tmp_path / "tiny.png").read_bytes(), count)
    assert took["gateway"] < _STEADY_MIB
    assert took["search"] < _STEADY_MIB
    assert took["rate"] > _LEAST_RATE
