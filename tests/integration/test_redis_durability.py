"""A Redis that may lose records keeps the service from being ready, unless a setting permits it."""

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from search_service.durability import DurabilityCheck, NotDurable, advice_of, problems_of
from search_service.redis_address import RedisAccess
from search_service.redis_store import RedisRecordStore
from servicekit.errors import BackendUnavailable
from tests import redis_servers

GOOD = {"aof_enabled": 1, "maxmemory_policy": "noeviction", "role": "master", "appendfsync": "always"}


async def check(url: str, access: RedisAccess | None = None, *, require_durable: bool = True) -> list[Any]:
    """Look at a Redis as health does, and return what is logged."""
    opened = RedisRecordStore.open(
        url, timeout_seconds=2, max_connections=2, access=access, require_durable=require_durable
    )
    with capture_logs() as logs:
        async with opened as store:
            await store.check()
    return logs


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"maxmemory-policy": "allkeys-lru"}, "maxmemory-policy noeviction"),
        ({"appendonly": "no"}, "appendonly yes"),
    ],
)
async def test_what_must_be_set_is_required_and_said_once(
    tmp_path: Path, settings: dict[str, str], wanted: str
) -> None:
    with redis_servers.redis_instance(tmp_path, settings) as server:
        async with RedisRecordStore.open(server.url, timeout_seconds=2, max_connections=2) as store:
            with capture_logs() as logs:
                for _ in range(3):
                    with pytest.raises(NotDurable):
                        await store.check()
            assert [(entry["log_level"], entry["set"]) for entry in logs] == [("error", [wanted])]
            name, _, value = wanted.partition(" ")
            server.ask("CONFIG SET", name, value)
            await store.check()
        server.ask("CONFIG SET", name, settings[name])
        (entry,) = await check(server.url, require_durable=False)
        assert (entry["log_level"], entry["set"]) == ("warning", [wanted])


async def test_a_replica_is_no_store(tmp_path: Path) -> None:
    with redis_servers.pair(tmp_path) as (_, replica), pytest.raises(NotDurable):
        await check(replica.url)


async def test_less_than_a_sync_for_each_write_is_warned_of(tmp_path: Path) -> None:
    with redis_servers.redis_instance(tmp_path, {"appendfsync": "everysec"}) as server:
        (entry,) = await check(server.url)
    assert entry["log_level"] == "warning"
    assert "appendfsync always" in entry["set"][0]


async def test_every_master_of_a_cluster_is_looked_at(tmp_path: Path) -> None:
    with redis_servers.cluster(tmp_path, replicated=False) as nodes:
        url = redis_servers.cluster_url(nodes)
        assert await check(url) == []
        nodes[-1].ask("CONFIG SET", "maxmemory-policy", "allkeys-lru")
        with pytest.raises(NotDurable):
            await check(url)


async def test_what_managed_services_forbid_is_not_needed(tmp_path: Path) -> None:
    """Without CONFIG, `appendfsync` alone is not known; without INFO, nothing is."""
    with redis_servers.redis_instance(tmp_path) as server:
        for rule in ("-config", "-info"):
            server.ask("ACL SETUSER", rule, "on", ">secret", "~*", "+@all", rule)
        assert await check(server.url, RedisAccess("-config", "secret")) == []
        with pytest.raises(NotDurable):
            await check(server.url, RedisAccess("-info", "secret"))
        (entry,) = await check(server.url, RedisAccess("-info", "secret"), require_durable=False)
        assert "+info" in entry["set"][0]


async def test_wrong_credentials_are_not_taken_for_a_lack_of_durability(tmp_path: Path) -> None:
    settings, shown = {"requirepass": "right"}, {"password": "right"}
    with (
        redis_servers.redis_instance(tmp_path, settings, shown=shown) as server,
        pytest.raises(BackendUnavailable) as error,
    ):
        await check(server.url, RedisAccess(password="wrong"))
    assert type(error.value) is BackendUnavailable
    assert "wrong" not in str(error.value)


def test_a_good_server_needs_nothing() -> None:
    assert (problems_of(GOOD), advice_of(GOOD)) == ([], [])


def test_a_change_is_told_again() -> None:
    judged = DurabilityCheck(required=False)
    with capture_logs() as logs:
        for report in ({**GOOD, "aof_enabled": 0}, GOOD, {**GOOD, "aof_enabled": 0}):
            judged.judge([report])
    assert len(logs) == 2
