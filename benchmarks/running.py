"""What is measured: a Milvus server, a Redis that fsyncs every write and the three services, as processes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local.parts import StackSettings
from deploy.local.ports import Ports
from deploy.local.stack import Stack
from tests import servers


@dataclass(frozen=True)
class Running:
    """Where everything answers, and the folder of its data, its logs and what measurements write."""

    directory: Path
    milvus_uri: str
    redis_url: str
    gateway: str
    search: str
    embedder: str

    @property
    def milvus_data(self) -> Path:
        """Where Milvus keeps its data."""
        return self.directory / "milvus"


@contextmanager
def running(
    directory: Path, model_dirs: Sequence[Path] = (), environment: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Start everything and stop it after the block. `directory` must be empty, and its path short."""
    milvus, redis = directory / "milvus", directory / "redis"
    for folder in (milvus, redis):
        folder.mkdir()
    binary = servers.REDIS_BINARIES["redis"]
    with servers.milvus_server(milvus) as server, servers.redis_server(redis, binary) as redis_url:
        server.wait()
        ports = Ports.free()
        settings = StackSettings(
            directory / "state", ports, tuple(model_dirs), server.uri, redis_url, environment or {}
        )
        stack = Stack(settings)
        stack.start()
        try:
            addresses = [ports.address(name) for name in ("gateway", "search", "embedder")]
            yield Running(directory, server.uri, redis_url, *addresses)
        finally:
            stack.stop()
