"""How a port that cannot be opened is told."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def opening(host: str, port: int) -> Iterator[None]:
    """Open a port in the block.

    Raises:
        SystemExit: that cannot be done.
    """
    try:
        yield
    except (OSError, RuntimeError):  # gRPC raises the latter, and does not say why
        raise SystemExit(
            f"no server can listen on {host}:{port}: the port is in use, or the address or port is not for this process"
        ) from None
