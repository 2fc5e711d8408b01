"""Addresses of Redis."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_service import redis_options
from search_service.redis_address import Kind, RedisAccess, RedisAddress, parse
from search_service.settings import SearchSettings


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://redis:6380/2", RedisAddress(Kind.SINGLE, (("redis", 6380),), database=2)),
        ("redis://redis", RedisAddress(Kind.SINGLE, (("redis", 6379),))),
        ("redis://", RedisAddress(Kind.SINGLE, (("localhost", 6379),))),
        ("redis://h?db=3", RedisAddress(Kind.SINGLE, (("h", 6379),), database=3)),
        ("redis://:p%40ss@h", RedisAddress(Kind.SINGLE, (("h", 6379),), password="p@ss")),
        ("rediss://u:p@[::1]:7/1", RedisAddress(Kind.SINGLE, (("::1", 7),), "", "", 1, True, "u", "p")),
        ("unix:///run/redis.sock?db=4", RedisAddress(Kind.SINGLE, path="/run/redis.sock", database=4)),
        ("unix://u:p@/a%20b", RedisAddress(Kind.SINGLE, path="/a b", username="u", password="p")),
        (
            "redis+sentinel://a,b:1/records/5",
            RedisAddress(Kind.SENTINEL, (("a", 26379), ("b", 1)), service="records", database=5),
        ),
        ("rediss+sentinel://a/records", RedisAddress(Kind.SENTINEL, (("a", 26379),), service="records", tls=True)),
        ("redis+cluster://a,b:1", RedisAddress(Kind.CLUSTER, (("a", 6379), ("b", 1)))),
        ("rediss+cluster://u:p@a/", RedisAddress(Kind.CLUSTER, (("a", 6379),), "", "", 0, True, "u", "p")),
    ],
)
def test_an_address_is_read(url: str, expected: RedisAddress) -> None:
    assert parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "redis",
        "http://redis",
        "unix+cluster:///x",
        "redis+other://a",
        "redis://a,b",
        "redis://a:port",
        "redis://a/x",
        "redis://a/1/2",
        "redis://a?timeout=1",
        "redis+sentinel://a",
        "redis+sentinel://a/records/0/1",
        "redis+cluster://a/1",
        "unix://relative",
        "unix://",
        "redis://[::1",
        "redis://\u2100",
    ],
)
def test_what_is_no_address_is_refused_without_its_secrets(url: str) -> None:
    secret = url.replace("://", "://user:hunter2@")
    with pytest.raises(ValueError, match=r"^(must|has|only|takes|a cluster) ") as error:
        parse(secret)
    assert "hunter2" not in str(error.value)


@given(st.text(max_size=60))
def test_no_text_does_worse_than_be_refused(text: str) -> None:
    try:
        parse(f"redis+sentinel://{text}")
    except ValueError:
        return


@pytest.mark.parametrize("kind", Kind)
def test_passwords_stay_out_of_what_is_printed(kind: Kind) -> None:
    access = RedisAccess(password="hunter2", sentinel_password="hunter2")
    assert "hunter2" not in repr((RedisAddress(kind, password="hunter2"), access))


def test_credentials_in_the_address_come_first() -> None:
    given_ = RedisAccess("setting", "setting")
    for url, username, password in [("redis://u:p@a", "u", "p"), ("redis://a", "setting", "setting")]:
        options = redis_options.of_server(parse(url), given_, 2.0, 4)
        assert (options["username"], options["password"]) == (username, password)


def test_sentinels_have_credentials_of_their_own_and_can_all_be_asked_in_time() -> None:
    address = parse("rediss+sentinel://u:p@a,b,c/records")
    access = RedisAccess(sentinel_username="s", sentinel_password="t", tls_ca_file=Path("ca.pem"))
    server = redis_options.of_server(address, access, 2.0, 4)
    sentinel = redis_options.of_sentinel(address, access, server)
    assert (sentinel["username"], sentinel["password"]) == ("s", "t")
    assert sentinel["ssl_ca_certs"] == server["ssl_ca_certs"] == "ca.pem"
    assert sentinel["socket_timeout"] * len(address.nodes) < 2.0


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"redis_url": "http://redis"}, "redis_url"),
        ({"redis_tls_ca_file": "/nowhere/ca.pem"}, "redis_tls_ca_file"),
        ({"redis_replicas": 1, "redis_replica_seconds": 1.0, "redis_timeout_seconds": 2.0}, "redis_replica_seconds"),
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(settings: dict[str, object], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        SearchSettings(**settings)  # type: ignore[arg-type]
