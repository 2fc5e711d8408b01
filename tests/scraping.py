"""Metrics as Prometheus gets them."""

import asyncio
import re
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException

from prometheus_client.parser import text_string_to_metric_families

_PATIENCE_SECONDS = 20
_PARTS = ("bucket", "sum", "count")


def read(url: str) -> str:
    """Return what a metrics port answers."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return str(answer.read().decode())


@dataclass(frozen=True)
class Scrape:
    """One scrape."""

    text: str

    @classmethod
    async def of(cls, url: str) -> "Scrape":
        """Scrape a server that may run in this process."""
        return cls(await asyncio.to_thread(read, url))

    @classmethod
    async def until(cls, url: str, true: Callable[["Scrape"], bool]) -> "Scrape":
        """Scrape until something is true, for at most 20 seconds; one that is cut off is tried again."""
        async with asyncio.timeout(_PATIENCE_SECONDS):
            while True:
                with suppress(OSError, HTTPException):
                    seen = await cls.of(url)
                    if true(seen):
                        return seen

    def samples(self, name: str) -> Iterator[tuple[dict[str, str], float]]:
        """Yield the labels and values of a series."""
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                if sample.name == name:
                    yield sample.labels, sample.value

    def value(self, name: str, **labels: str) -> float:
        """Return the sum of a series over the labels that are not given; 0 where there is none."""
        return sum(value for has, value in self.samples(name) if labels.items() <= has.items())

    def declared(self) -> set[str]:
        """Return the names of all series that there may be, those that have no value yet among them."""
        kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", self.text, re.MULTILINE))
        parts = {f"{name}_{part}" for name, kind in kinds.items() if kind == "histogram" for part in _PARTS}
        return parts | kinds.keys()
