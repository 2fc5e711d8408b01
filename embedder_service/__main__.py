"""Runs the embedder: `python -m embedder_service`."""

import asyncio

from embedder_service.app import build
from embedder_service.settings import EmbedderSettings
from servicekit import server, settings, telemetry, tracing


def main() -> None:
    """Serve until SIGTERM or SIGINT."""
    loaded = settings.load(EmbedderSettings)
    telemetry.configure("embedder", loaded.log_level)
    with tracing.opened("likeness-embedder") as tracer:
        asyncio.run(server.run(build, loaded, tracer=tracer))


if __name__ == "__main__":
    main()
