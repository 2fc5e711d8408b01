"""Runs the search service: `python -m search_service`."""

import asyncio

from search_service.app import build
from search_service.settings import SearchSettings
from servicekit import server, settings, telemetry


def main() -> None:
    """Serve until SIGTERM."""
    loaded = settings.load(SearchSettings)
    telemetry.configure("search", loaded.log_level)
    asyncio.run(server.run(build, loaded))


if __name__ == "__main__":
    main()
