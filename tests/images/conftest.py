"""Images as they are shipped, and the stack that compose makes of them. All of it needs a container engine."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.images import containers
from tests.images.containers import ROOT, Project

COMPOSE = ROOT / "deploy" / "compose.yaml"
EMBEDDED = ROOT / "deploy" / "compose.embedded.yaml"
_OVERLAYS = ROOT / "tests" / "images"


@pytest.fixture(scope="session")
def images() -> str:
    """The images of this checkout, built as `make images` does, and the commit that they are of."""
    containers.require_engine()
    commit = subprocess.check_output(["git", "-C", ROOT, "rev-parse", "HEAD"], text=True).strip()
    subprocess.run(["make", "-C", ROOT, "images"], check=True)
    return commit


@pytest.fixture(scope="session")
def standard(images: str, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The files of the stack with Milvus standalone, with stand-ins where its image cannot be had."""
    if containers.can_pull("milvusdb/milvus:v2.3.5"):
        return [COMPOSE]
    containers.build_stand_ins(tmp_path_factory.mktemp("images") / "stand_ins")
    return [COMPOSE, _OVERLAYS / "stand_in_redis.yaml", _OVERLAYS / "stand_in_milvus.yaml"]


@pytest.fixture(scope="session")
def embedded(standard: list[Path]) -> list[Path]:
    """The files of the stack without a Milvus server."""
    return [EMBEDDED, *(path for path in standard if path.name == "stand_in_redis.yaml")]


@pytest.fixture(scope="session")
def stack(standard: list[Path]) -> Iterator[Project]:
    """The stack of compose.yaml, for all tests that leave it as it was: two of each service."""
    with containers.project("stack", *standard) as made:
        made.up(embedder=2, search=2, gateway=2)
        yield made
