"""What is in an image, and how a container of it starts and stops."""

import json
import uuid
from collections.abc import Iterator

import pytest
from packaging.requirements import Requirement

from tests.images.containers import ROOT, docker, eventually_healthy, inspect, version

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("images")]
# For each image: its folder of code, its lock file, and the megabytes that it may have above its base.
IMAGES = {
    "gateway": ("gateway", "gateway", 90),
    "embedder": ("embedder_service", "embedder", 500),
    "search": ("search_service", "search", 350),
    "search-lite": ("search_service", "lite", 450),
}
HARDENED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
CONTENTS = """
import importlib.metadata, json, os, platform
names = sorted(found.metadata["Name"].lower().replace("_", "-") for found in importlib.metadata.distributions())
who = {"user": os.getuid(), "groups": os.getgroups()}
print(json.dumps({"code": os.listdir("/app"), "installed": names, "python": platform.python_version(), **who}))
"""


def image(name: str) -> str:
    return f"likeness-{name}:{version()}"


def locked(name: str, python: str) -> list[str]:
    """Return what a lock file has for a Python on this kind of machine."""
    lines = (ROOT / "requirements" / f"{name}.lock").read_text().splitlines()
    requirements = [Requirement(line.rstrip(" \\")) for line in lines if line and line[0].isalnum()]
    there = {"python_full_version": python}
    return sorted(found.name.lower() for found in requirements if not found.marker or found.marker.evaluate(there))


@pytest.fixture(params=IMAGES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_it_holds_its_own_code_and_locked_dependencies_alone(name: str) -> None:
    code, lock, _ = IMAGES[name]
    held = json.loads(docker("run", "--rm", *HARDENED, image(name), "python", "-c", CONTENTS))
    assert sorted(held["code"]) == sorted([code, "likeness", "servicekit"])
    assert held["installed"] == locked(lock, held["python"])
    assert held["user"] == 10001
    assert 0 not in held["groups"]


def test_it_is_no_larger_than_it_may_be(name: str) -> None:
    layers = docker("history", "--no-trunc", "--human=false", "--format", "{{.Size}} {{.CreatedBy}}", image(name))
    ours = [line.partition(" ") for line in layers.splitlines()]
    size = sum(int(taken) for taken, _, by in ours if by.startswith(("COPY /venv", "COPY /app", "COPY /data")))
    print(f"{name}: {size / 1e6:.0f} MB above the base")
    assert 0 < size <= IMAGES[name][2] * 1e6


def test_it_says_what_it_is(images: str, name: str) -> None:
    labels = inspect(image(name))["Config"]["Labels"]
    said = {key.removeprefix("org.opencontainers.image."): value for key, value in labels.items()}
    assert said["title"] == f"likeness-{name}"
    assert said["version"] == version()
    assert said["revision"] == images
    assert said["licenses"] == "Apache-2.0"
    assert said["description"]


def test_nothing_secret_is_in_its_environment(name: str) -> None:
    given = {setting.partition("=")[0] for setting in inspect(image(name))["Config"]["Env"]}
    assert not [key for key in given if any(word in key for word in ("PASSWORD", "TOKEN", "SECRET"))]


@pytest.fixture
def running(name: str) -> Iterator[str]:
    """A container that can write nothing and has no rights; the search service needs stores to be healthy."""
    if name.startswith("search"):
        pytest.skip("the search service is healthy with its stores alone: see the stack")
    container = docker("run", "--detach", "--name", f"likeness-test-{uuid.uuid4().hex[:8]}", *HARDENED, image(name))
    yield container
    docker("rm", "--force", container)


def test_it_becomes_healthy_and_ends_well(running: str) -> None:
    eventually_healthy(running)
    docker("stop", "--time", "30", running)
    state = inspect(running)["State"]
    assert (state["ExitCode"], state["OOMKilled"]) == (0, False)
