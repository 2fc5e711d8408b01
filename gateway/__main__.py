"""Runs the gateway: `python -m gateway`."""

import asyncio

from gateway.app import build
from gateway.settings import GatewaySettings
from servicekit import server, settings, telemetry, tracing


def main() -> None:
    """Serve until SIGTERM."""
    loaded = settings.load(GatewaySettings)
    telemetry.configure("gateway", loaded.log_level)
    with tracing.opened("likeness-gateway") as tracer:
        asyncio.run(server.run(build, loaded, tracer=tracer))


if __name__ == "__main__":
    main()
