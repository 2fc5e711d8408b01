"""Where the services listen on loopback."""

import random
import socket
from collections.abc import Collection, Iterator
from dataclasses import asdict, astuple, dataclass

HOST = "127.0.0.1"
# Below the range from which Linux takes the near end of connections: a port that a stopped service left must not be
# given away, nor may a client that knocks at it be connected with itself.
_FREE_RANGE = range(20_000, 32_000)


@dataclass(frozen=True)
class Ports:
    """A port for calls, one for health and one for metrics, for each service."""

    gateway: int = 50050
    embedder: int = 50051
    search: int = 50052
    gateway_health: int = 50060
    embedder_health: int = 50061
    search_health: int = 50062
    gateway_metrics: int = 9090
    embedder_metrics: int = 9091
    search_metrics: int = 9092
    # Prometheus's own default is the gateway's port for metrics.
    prometheus: int = 9190
    grafana: int = 3000

    @classmethod
    def free(cls) -> "Ports":
        """Return ports that nothing listens on."""
        # Random so that several test runs on one machine rarely try the same.
        candidates = random.sample(_FREE_RANGE, len(_FREE_RANGE))
        free = filter(is_free, candidates)
        return cls(*(next(free) for _ in range(len(astuple(cls())))))

    def address(self, service: str) -> str:
        """Return where a service answers calls."""
        return f"{HOST}:{getattr(self, service)}"

    def health_address(self, service: str) -> str:
        """Return where a service tells its health."""
        return f"{HOST}:{getattr(self, f'{service}_health')}"

    def taken(self, but: Collection[str] = ()) -> Iterator[int]:
        """Give the ports that some program listens on, those `but` of these names."""
        return (port for name, port in asdict(self).items() if name not in but and not is_free(port))


def is_free(port: int) -> bool:
    """Return whether a server could listen on this port."""
    with socket.socket() as listener:
        # As servers do: without it, a port that was closed a minute ago still counts as taken.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
        except OSError:
            return False
    return True
