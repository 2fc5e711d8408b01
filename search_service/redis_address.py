"""Where Redis is, as one address says it: a server, a server that Sentinel names, or a cluster."""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

_PORT = 6379
_SENTINEL_PORT = 26379


class Kind(Enum):
    """What stands at an address: the part of its scheme after the plus sign."""

    SINGLE = ""
    SENTINEL = "sentinel"
    CLUSTER = "cluster"


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """Where to connect. `nodes` are servers, sentinels or the first nodes of a cluster to ask; none with a `path`."""

    kind: Kind
    nodes: tuple[tuple[str, int], ...] = ()
    path: str = ""
    service: str = ""
    database: int = 0
    tls: bool = False
    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class RedisAccess:
    """What is shown to the servers and asked of them. Credentials in an address come first."""

    username: str = ""
    password: str = field(default="", repr=False)
    sentinel_username: str = ""
    sentinel_password: str = field(default="", repr=False)
    tls_ca_file: Path | None = None
    tls_cert_file: Path | None = None
    tls_key_file: Path | None = None
    tls_check_name: bool = True


def parse(url: str) -> RedisAddress:
    """Return what an address says.

    It is one of `redis://host:port/database`, `unix:///path?db=database`,
    `redis+sentinel://host:port,host:port/service/database` and `redis+cluster://host:port,host:port`; `rediss` in place
    of `redis` means TLS; `user:password@` may stand before the hosts.

    Raises:
        ValueError: it is none of these. The message holds no part of the address that could be secret.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        # Its own message may hold the password.
        raise ValueError("must be an address") from None
    scheme, _, kind = parts.scheme.partition("+")
    if scheme == "unix" and not kind:
        return _unix(parts)
    if scheme not in {"redis", "rediss"} or kind not in {k.value for k in Kind}:
        raise ValueError("must begin with redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://")
    return _network(parts, Kind(kind), tls=scheme == "rediss")


def _unix(parts: SplitResult) -> RedisAddress:
    username, password, host = _credentials(parts)
    if host or not parts.path:
        raise ValueError("must name a socket with three slashes, as in unix:///run/redis.sock")
    return RedisAddress(
        Kind.SINGLE, path=unquote(parts.path), database=_query(parts), username=username, password=password
    )


def _network(parts: SplitResult, kind: Kind, *, tls: bool) -> RedisAddress:
    username, password, hosts = _credentials(parts)
    port = _SENTINEL_PORT if kind is Kind.SENTINEL else _PORT
    nodes = tuple(_node(host, port) for host in hosts.split(","))
    if kind is Kind.SINGLE and len(nodes) > 1:
        raise ValueError("only redis+sentinel:// and redis+cluster:// take several hosts")
    service, database = _place(parts, kind)
    return RedisAddress(kind, nodes, "", service, database or _query(parts), tls, username, password)


def _credentials(parts: SplitResult) -> tuple[str, str, str]:
    """Return user name, password and what follows them."""
    before, _, hosts = parts.netloc.rpartition("@")
    username, _, password = before.partition(":")
    return unquote(username), unquote(password), hosts


def _node(text: str, default_port: int) -> tuple[str, int]:
    try:
        node = urlsplit(f"//{text}")
        host, port = node.hostname, node.port
    except ValueError:
        raise ValueError("has a port that is no number") from None
    return host or "localhost", port or default_port


def _place(parts: SplitResult, kind: Kind) -> tuple[str, int]:
    """Return the service and the database that the path names."""
    names = [unquote(name) for name in parts.path.split("/") if name]
    service = names.pop(0) if kind is Kind.SENTINEL and names else ""
    if kind is Kind.SENTINEL and not service:
        raise ValueError("must name the service after the sentinels, as in redis+sentinel://host:26379/service")
    if kind is Kind.CLUSTER and names:
        raise ValueError("a cluster has no databases: nothing may follow its hosts")
    if len(names) > 1:
        raise ValueError("has more in its path than a database")
    return service, _database(names[0]) if names else 0


def _query(parts: SplitResult) -> int:
    options = parse_qs(parts.query, keep_blank_values=True)
    if options.keys() - {"db"}:
        raise ValueError("takes no option but db")
    return _database(options["db"][-1]) if options else 0


def _database(text: str) -> int:
    if not text.isdecimal():
        raise ValueError("has a database that is no number")
    return int(text)
