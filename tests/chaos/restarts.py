"""A service that is started with faults, and again without."""

import asyncio

from tests.chaos.site import Site


def armed(point: str, action: str) -> str:
    """Return the setting for a point that may name its pass after a colon."""
    name, _, passes = point.partition(":")
    return f"{name}={action}:{passes or 1}"


async def restart(place: Site, failpoints: str = "") -> None:
    """Kill the service, if it is not dead, and start it with these faults."""
    place.kill("search")
    await asyncio.to_thread(place.start, "search", failpoints)
