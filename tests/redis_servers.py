"""Redis servers by themselves, behind Sentinel, as a cluster and behind TLS, on free ports of loopback."""

import re
import signal
import subprocess
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
import trustme

from tests import servers
from tests.servers import REDIS_BINARIES, free_port, process, wait_until

SERVICE = "records"
USER, PASSWORD = "likeness", "a-secret"
# All that Likeness asks of Redis, and the keys that it asks it about.
ACL = (
    f"user {USER} on >{PASSWORD} resetchannels ~likeness:* ~{{likeness}}:* -@all +@connection +@read +@write "
    "+@scripting +wait +time +info +config|get +command"
)
_SLOTS = 16384
_DURABLE = {
    "appendonly": "yes",
    "appendfsync": "always",
    "maxmemory-policy": "noeviction",
    "save": "",
    "bind": "127.0.0.1",
    "daemonize": "no",
    # A replica that was sent its data from memory is sent what followed only after its next report, up to 1 s later.
    "repl-diskless-sync": "no",
}


@dataclass
class Instance:
    """One server of Redis, with what a client must show it."""

    port: int
    process: "subprocess.Popen[bytes]"
    shown: Mapping[str, Any] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> "redis.Redis":
        """Return a client for the test's own use."""
        return redis.Redis(host="127.0.0.1", port=self.port, decode_responses=True, socket_timeout=5, **self.shown)

    def ask(self, *command: Any) -> Any:
        """Send one command."""
        with self.client() as client:
            return client.execute_command(*command)

    def info(self) -> dict[str, Any]:
        """Return what it says of itself."""
        return dict(self.ask("INFO"))

    def stop(self) -> None:
        """Stop it as a hanging server would be."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.wait()


@contextmanager
def redis_instance(
    directory: Path,
    settings: Mapping[str, str] | None = None,
    *,
    port: int = 0,
    binary: str = REDIS_BINARIES["redis"],
    before: Sequence[str] = (),
    shown: Mapping[str, Any] | None = None,
) -> Iterator[Instance]:
    """Run a server that loses nothing, unless the settings say otherwise, in a folder that is made for it.

    `before` is a command that runs the command after it.
    """
    directory.mkdir(exist_ok=True, parents=True)
    port = port or free_port()
    options = {"port": str(port), "dir": str(directory)} | _DURABLE | dict(settings or {})
    words = [text for name, value in options.items() for text in (f"--{name}", value)]
    with process([*before, binary, *words], directory) as running:
        instance = Instance(port, running, shown or {})
        wait_until(lambda: _pings(instance), running)
        yield instance


@contextmanager
def pair(directory: Path, settings: Mapping[str, str] | None = None) -> Iterator[tuple[Instance, Instance]]:
    """Run a master and a replica that is in step with it."""
    with ExitStack() as stack:
        master = stack.enter_context(redis_instance(directory / "master", settings))
        replica = stack.enter_context(redis_instance(directory / "replica", settings))
        follow(replica, master)
        yield master, replica


def follow(replica: Instance, master: Instance, *, through: int = 0) -> None:
    """Make one server a replica of another, over the port `through` if given; return once it is in step."""
    replica.ask("REPLICAOF", "127.0.0.1", through or master.port)
    wait_until(lambda: _feeds(master, replica), replica.process)


def _feeds(master: Instance, replica: Instance) -> bool:
    links = [value for name, value in master.info().items() if re.fullmatch(r"slave\d+", name)]
    return any(link["port"] == replica.port and link["state"] == "online" for link in links)


@contextmanager
def sentinels(directory: Path, master: Instance, count: int = 3) -> Iterator[str]:
    """Run sentinels that watch over a master, and give the address that names it through them."""
    with ExitStack() as stack:
        watching = [
            stack.enter_context(_sentinel(directory / f"sentinel-{i}", master, count // 2 + 1)) for i in range(count)
        ]
        for sentinel in watching:
            wait_until(lambda s=sentinel: _knows(s, count - 1), sentinel.process)  # type: ignore[misc]
        hosts = ",".join(f"127.0.0.1:{sentinel.port}" for sentinel in watching)
        yield f"redis+sentinel://{hosts}/{SERVICE}/0"


@contextmanager
def _sentinel(directory: Path, master: Instance, quorum: int) -> Iterator[Instance]:
    directory.mkdir(parents=True)
    lines = [
        f"sentinel monitor {SERVICE} 127.0.0.1 {master.port} {quorum}",
        f"sentinel down-after-milliseconds {SERVICE} 500",
        f"sentinel failover-timeout {SERVICE} 2000",
    ]
    port = free_port()
    config = directory / "sentinel.conf"
    config.write_text("\n".join([f"port {port}", "bind 127.0.0.1", f"dir {directory}", *lines, ""]))
    with process([REDIS_BINARIES["redis"], str(config), "--sentinel"], directory) as running:
        instance = Instance(port, running)
        wait_until(lambda: _pings(instance), running)
        yield instance


def _knows(sentinel: Instance, others: int) -> bool:
    with sentinel.client() as client:
        state = client.sentinel_master(SERVICE)
    return bool(state["num-other-sentinels"] >= others and state["num-slaves"] >= 1)


@contextmanager
def cluster(directory: Path, masters: int = 3, *, replicated: bool = True) -> Iterator[list[Instance]]:
    """Run a cluster and give its masters, then their replicas in the same order."""
    settings = {
        "cluster-enabled": "yes",
        "cluster-config-file": "nodes.conf",
        "cluster-node-timeout": "1500",
        "cluster-require-full-coverage": "no",
    }
    with ExitStack() as stack:
        count = masters * (2 if replicated else 1)
        nodes = [
            stack.enter_context(redis_instance(directory / f"node-{i}", settings, port=_cluster_port()))
            for i in range(count)
        ]
        _join(nodes, masters)
        yield nodes


def cluster_url(nodes: Sequence[Instance]) -> str:
    """Return the address of a cluster."""
    return "redis+cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in nodes)


def shard_of(nodes: Sequence[Instance], key: str, masters: int) -> int:
    """Return which of a new cluster's masters holds a key."""
    return bisect_right(_bounds(masters), int(nodes[0].ask("CLUSTER KEYSLOT", key))) - 1


def _bounds(masters: int) -> list[int]:
    return [_SLOTS * i // masters for i in range(masters + 1)]


def _join(nodes: list[Instance], masters: int) -> None:
    for i, node in enumerate(nodes):
        node.ask("CLUSTER SET-CONFIG-EPOCH", i + 1)
        node.ask("CLUSTER MEET", "127.0.0.1", nodes[0].port)
    bounds = _bounds(masters)
    for node, start, end in zip(nodes, bounds, bounds[1:], strict=False):
        node.ask("CLUSTER ADDSLOTS", *range(start, end))
    for node in nodes:
        wait_until(lambda n=node: n.ask("CLUSTER INFO")["cluster_known_nodes"] == str(len(nodes)), node.process)  # type: ignore[misc]
    for master, replica in zip(nodes, nodes[masters:], strict=False):
        name = master.ask("CLUSTER MYID")
        wait_until(lambda r=replica, n=name: _accepts(r, "CLUSTER REPLICATE", n), replica.process)  # type: ignore[misc]
    for node in nodes:
        wait_until(lambda n=node: n.ask("CLUSTER INFO")["cluster_state"] == "ok", node.process)  # type: ignore[misc]
    for master, replica in zip(nodes, nodes[masters:], strict=False):
        wait_until(lambda m=master, r=replica: _feeds(m, r), replica.process)  # type: ignore[misc]


def _accepts(instance: Instance, *command: Any) -> bool:
    try:
        instance.ask(*command)
    except redis.ResponseError:
        return False
    return True


def _cluster_port() -> int:
    # A node listens on its port plus 10,000 too.
    while (port := free_port()) > 55_000:
        pass
    return port


@dataclass(frozen=True)
class Certificates:
    """Files of an authority, of a server on 127.0.0.1 and of a client."""

    ca: Path
    server: Path
    client: Path


def certificates(directory: Path) -> Certificates:
    """Make an authority and what it vouches for; a certificate's file holds its key too."""
    directory.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    files = Certificates(directory / "ca.pem", directory / "server.pem", directory / "client.pem")
    authority.cert_pem.write_to_path(str(files.ca))
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(files.server))
    authority.issue_cert("client").private_key_and_cert_chain_pem.write_to_path(str(files.client))
    return files


@contextmanager
def secured(directory: Path, files: Certificates) -> Iterator[Instance]:
    """Run a server that speaks TLS only, wants a client's certificate and knows one user, who may do little."""
    settings = {
        "port": "0",
        "tls-port": str(free_port()),
        "tls-cert-file": str(files.server),
        "tls-key-file": str(files.server),
        "tls-ca-cert-file": str(files.ca),
        "tls-auth-clients": "yes",
        "aclfile": str(directory / "users.acl"),
    }
    directory.mkdir(parents=True)
    (directory / "users.acl").write_text(f"user default on >{PASSWORD} ~* &* +@all\n{ACL}\n")
    shown = {
        "password": PASSWORD,
        "ssl": True,
        "ssl_ca_certs": str(files.ca),
        "ssl_certfile": str(files.client),
        "ssl_keyfile": str(files.client),
    }
    with redis_instance(directory, settings, port=int(settings["tls-port"]), shown=shown) as instance:
        yield instance


def _pings(instance: Instance) -> bool:
    return servers.succeeds(lambda: instance.ask("PING"), redis.RedisError)
