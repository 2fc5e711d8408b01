"""The stack of compose.yaml: how it comes up, what its containers may do, and that it works."""

import json
import time
from pathlib import Path

import pytest

from tests.e2e.conftest import Command, write_photos
from tests.images import containers
from tests.images.containers import Project, docker, inspect

pytestmark = pytest.mark.long
SERVICES = ("gateway", "embedder", "search")
SECONDS_FROM_NOTHING = 60
RIGHTS = """
import json
status = dict(line.split(":\\t", 1) for line in open("/proc/1/status").read().splitlines() if ":\\t" in line)
names = ("Uid", "Gid", "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp")
try:
    open("/app/new", "w")
except OSError as error:
    refused = error.strerror
print(json.dumps({name: status[name].split()[0] for name in names} | {"write": refused}))
"""
WITHOUT_RIGHTS = {
    **dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), "0" * 16),
    "Uid": "10001",
    "Gid": "10001",
    "NoNewPrivs": "1",
    "Seccomp": "2",
    "write": "Read-only file system",
}


def indexed_and_found(address: str, tmp_path: Path) -> None:
    """Index pictures and find one of them by itself, with the command of this machine."""
    photos = write_photos(tmp_path / "album", range(20))
    command = Command(address)
    assert command.json("index", str(tmp_path / "album"))["created"] == len(photos)
    assert command.json("search", str(photos[7]))["hits"][0]["distance"] < 0.001


def test_from_nothing_to_an_answer_within_a_minute(standard: list[Path], tmp_path: Path) -> None:
    with containers.project("new", *standard) as made:
        started = time.monotonic()
        made.up()
        indexed_and_found(made.address, tmp_path)
        taken = time.monotonic() - started
        print(f"from nothing to an answer: {taken:.1f} s")
        assert taken < SECONDS_FROM_NOTHING


def test_the_stack_without_a_milvus_server_answers_too(embedded: list[Path], tmp_path: Path) -> None:
    with containers.project("embedded", *embedded) as made:
        made.up()
        indexed_and_found(made.address, tmp_path)
        made.compose("restart", "search")
        made.up()
        found = Command(made.address).json("search", str(tmp_path / "album" / "album 0" / "photo 0007.png"))
        assert found["hits"][0]["distance"] < 0.001


@pytest.mark.parametrize("service", SERVICES)
def test_a_container_has_no_rights_and_can_write_nothing(stack: Project, service: str) -> None:
    rights = json.loads(docker("exec", stack.containers(service)[0], "python", "-c", RIGHTS))
    assert rights == WITHOUT_RIGHTS


@pytest.mark.parametrize("service", [*SERVICES, "redis", "milvus", "etcd", "minio"])
def test_a_container_is_bounded(stack: Project, service: str) -> None:
    limits = inspect(stack.containers(service)[0])["HostConfig"]
    assert limits["Memory"] > 0
    assert limits["NanoCpus"] > 0
    assert limits["RestartPolicy"]["Name"] == "unless-stopped"
    assert limits["SecurityOpt"] == ["no-new-privileges:true"]


def test_the_stores_cannot_be_reached_from_a_service_that_has_no_business_there(stack: Project) -> None:
    ask = "import socket; socket.create_connection(('redis', 6379), 2)"
    for service, reaches in (("search", True), ("gateway", False), ("embedder", False)):
        command = ["exec", stack.containers(service)[0], "python", "-c", ask]
        if reaches:
            docker(*command)
        else:
            with pytest.raises(AssertionError, match="gaierror"):
                docker(*command)
