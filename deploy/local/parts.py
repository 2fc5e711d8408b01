"""What the stack consists of: for each process, how it is run and how it says that it is ready."""

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from deploy.local import redis_server
from deploy.local.ports import Ports
from servicekit import probe

ROOT = Path(__file__).resolve().parents[2]
STATE = ROOT / ".likeness"
"""The folder that is used where none is given."""
# Nothing balances calls here, so nobody needs more time to notice that a service goes.
_DRAIN_SECONDS = 0.2


@dataclass(frozen=True)
class StackSettings:
    """Where a stack keeps its data and listens, and which parts of it are elsewhere."""

    state: Path
    ports: Ports = field(default_factory=Ports)
    model_dirs: tuple[Path, ...] = ()
    milvus_uri: str | None = None
    redis_url: str | None = None
    # Further settings of the services, by their full names.
    environment: Mapping[str, str] = field(default_factory=dict)
    # Whether Prometheus and Grafana run beside it, where they are to be had.
    observed: bool = False


@dataclass(frozen=True)
class Part:
    """One process of the stack."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    ready: Callable[[], bool]


def redis(settings: StackSettings, run_directory: Path) -> list[Part]:
    """Return the private Redis, or nothing where the settings name another one."""
    if settings.redis_url:
        return []
    data, path = settings.state / "redis", _redis_socket(run_directory)
    data.mkdir(parents=True, exist_ok=True)
    return [Part("redis", redis_server.arguments(data, path), inherited(), partial(redis_server.answers, path))]


def services(settings: StackSettings, run_directory: Path) -> list[Part]:
    """Return the three services, in an order in which each can use those before it."""
    ports = settings.ports
    models = os.pathsep.join(str(path.absolute()) for path in settings.model_dirs)
    search = {
        "MILVUS_URI": settings.milvus_uri or str(settings.state / "milvus" / "likeness.db"),
        "REDIS_URL": settings.redis_url or f"unix://{_redis_socket(run_directory)}",
    }
    gateway = {"EMBEDDER_ADDRESS": ports.address("embedder"), "SEARCH_ADDRESS": ports.address("search")}
    return [
        _service(settings, "embedder", "embedder_service", {"MODEL_DIRS": models}),
        _service(settings, "search", "search_service", search),
        _service(settings, "gateway", "gateway", gateway),
    ]


def _service(settings: StackSettings, name: str, package: str, own: Mapping[str, str]) -> Part:
    variables = {
        "PORT": str(getattr(settings.ports, name)),
        "HEALTH_PORT": str(getattr(settings.ports, f"{name}_health")),
        "METRICS_PORT": str(getattr(settings.ports, f"{name}_metrics")),
        "DRAIN_SECONDS": str(_DRAIN_SECONDS),
        **own,
    }
    prefix = f"LIKENESS_{name.upper()}_"
    given = {key: value for key, value in settings.environment.items() if key.startswith(prefix)}
    return Part(
        name,
        [sys.executable, "-m", package],
        inherited() | {f"{prefix}{key}": value for key, value in variables.items()} | given,
        partial(probe.is_serving, settings.ports.health_address(name)),
    )


def inherited() -> dict[str, str]:
    """Return the environment that processes of the stack get."""
    # A setting left over in the caller's shell must not change what runs here.
    own = {key: value for key, value in os.environ.items() if not key.upper().startswith("LIKENESS_")}
    return own | {
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        # ONNX Runtime reports its use to its maker from the moment it is imported; nothing else stops it.
        "ORT_DISABLE_TELEMETRY": "1",
    }


def _redis_socket(run_directory: Path) -> Path:
    return run_directory / "redis.sock"
