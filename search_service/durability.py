"""Whether Redis keeps what it acknowledges, judged by what it says of itself."""

from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from servicekit.errors import BackendUnavailable

# What one server says of itself: fields of INFO, and `appendfsync` where it may be asked.
Report = Mapping[str, Any]
_log = structlog.get_logger()


class NotDurable(BackendUnavailable):
    """The record store is set up so that it may lose what it has acknowledged."""


class DurabilityCheck:
    """Judges reports, and logs what an operator has to set, once for each change.

    Args:
        required: Whether a store that may lose acknowledged records is not to be used.
    """

    def __init__(self, *, required: bool) -> None:
        self._required = required
        self._known: list[str] = []

    def judge(self, reports: Iterable[Report]) -> None:
        """Return if every server keeps what it acknowledges.

        Raises:
            NotDurable: one does not, and that is required.
        """
        seen = list(reports)
        problems = sorted({problem for report in seen for problem in problems_of(report)})
        advice = sorted({wish for report in seen for wish in advice_of(report)})
        self._tell(problems, advice)
        if problems and self._required:
            raise NotDurable("the record store is not set up to keep what it acknowledges")

    def _tell(self, problems: list[str], advice: list[str]) -> None:
        if [*problems, *advice] == self._known:
            return
        self._known = [*problems, *advice]
        if problems and self._required:
            _log.error("Redis may lose records, so this service is not ready", set=problems)
        elif problems:
            _log.warning("Redis may lose records, which redis_require_durable permits", set=problems)
        if advice:
            _log.warning("Redis could keep records better", set=advice)


def problems_of(report: Report) -> list[str]:
    """Return what must be set on this server."""
    if not report:
        return ["permission for INFO: the ACL rule +info"]
    wanted = {
        "appendonly yes": report.get("aof_enabled") == 1,
        "maxmemory-policy noeviction": report.get("maxmemory_policy") == "noeviction",
        "the address of a server that is no replica": report.get("role") == "master",
    }
    return [setting for setting, so in wanted.items() if not so]


def advice_of(report: Report) -> list[str]:
    """Return what should be set on this server, where it says."""
    fsync = report.get("appendfsync", "always")
    return [] if fsync == "always" else [f"appendfsync always: a power cut may take back writes, it is {fsync}"]
