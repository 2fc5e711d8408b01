"""Images, containers and a compose project of the tests, by way of the `docker` command."""

import json
import os
import shutil
import subprocess
import time
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.servers import free_port

ROOT = Path(__file__).resolve().parents[2]
_STAND_INS = ROOT / "tests" / "images" / "stand_ins"
_SECONDS = 300
_POLL_SECONDS = 0.2


def docker(*arguments: str | Path, **options: Any) -> str:
    """Run `docker` and return what it prints; fail with what it complains of."""
    command = ["docker", *map(str, arguments)]
    done: subprocess.CompletedProcess[str] = subprocess.run(
        command, capture_output=True, text=True, timeout=_SECONDS, check=False, **options
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}"
    return done.stdout.strip()


def inspect(name: str) -> Any:
    """Return all that the engine knows of a container or an image."""
    return json.loads(docker("inspect", name))[0]


def logs(container: str, since: float) -> str:
    """Return what a container has logged since a time, in seconds of the epoch."""
    command = ["docker", "logs", "--since", f"{since:.3f}", container]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout


def require_engine() -> None:
    """Skip where no container engine answers."""
    if not shutil.which("docker") or subprocess.run(["docker", "version"], capture_output=True, check=False).returncode:
        pytest.skip("needs a container engine, and none answers: install one, or set DOCKER_HOST")


def can_pull(image: str) -> bool:
    """Tell whether an image is here or in a registry that can be reached."""
    looks = (["docker", "image", "inspect", image], ["docker", "manifest", "inspect", image])
    return any(subprocess.run(look, capture_output=True, timeout=60, check=False).returncode == 0 for look in looks)


def build_stand_ins(directory: Path) -> None:
    """Build images in place of those of Redis, Milvus, etcd and MinIO, which no registry gives us."""
    shutil.copytree(_STAND_INS, directory)
    store = directory / "s3rver"
    subprocess.run(["npm", "install", "--prefix", store, "--no-save", "--silent", "s3rver@3.7.1"], check=True)
    for name in ("redis", "etcd", "minio", "milvus"):
        docker("build", "--quiet", "--target", name, "--tag", f"likeness-test-{name}", str(directory))


@dataclass(frozen=True)
class Project:
    """A compose project of its own, from a file of the product."""

    name: str
    files: Sequence[Path]
    port: int = field(default_factory=free_port)

    def compose(self, *arguments: str, **environment: str) -> str:
        """Run `docker compose` in the project."""
        files = [text for path in self.files for text in ("--file", str(path))]
        settings = {**os.environ, "LIKENESS_PORT": str(self.port), **environment}
        return docker("compose", "--project-name", self.name, *files, *arguments, env=settings)

    def up(self, **replicas: int) -> None:
        """Start everything, or more of it, and return once all of it is healthy."""
        count = {f"LIKENESS_{name.upper()}_REPLICAS": str(number) for name, number in replicas.items()}
        ports = f"{self.port}-{self.port + replicas.get('gateway', 1) - 1}"
        self.compose("up", "--wait", "--no-build", "--no-recreate", **count, LIKENESS_PORT=ports)

    def containers(self, service: str) -> list[str]:
        """Return the containers of a service, by name."""
        return sorted(self.compose("ps", "--format", "{{.Name}}", service).split())

    @property
    def address(self) -> str:
        """Where the gateway listens on this machine."""
        return f"127.0.0.1:{self.port}"


@contextmanager
def project(name: str, *files: Path) -> Iterator[Project]:
    """Give a compose project; remove it with all that it stored at the end; show its logs if the block fails."""
    made = Project(f"likeness-test-{name}", files)
    made.compose("down", "--volumes", "--timeout", "1")
    try:
        yield made
    except BaseException:
        print(made.compose("logs", "--tail", "40", "gateway", "embedder", "search"))
        raise
    finally:
        made.compose("down", "--volumes", "--timeout", "1")


def eventually_healthy(container: str) -> None:
    """Return once a container is healthy."""
    give_up = time.monotonic() + _SECONDS
    while inspect(container)["State"].get("Health", {}).get("Status") != "healthy":
        assert time.monotonic() < give_up, docker("logs", "--tail", "40", container)
        time.sleep(_POLL_SECONDS)


def version() -> str:
    """Return the version that the images bear."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
