"""What the search service counts, beside what every server does."""

from collections.abc import Sequence
from typing import Protocol

from search_service.guard import Guard
from search_service.ports_repair import Finding
from search_service.recorder import Recorder
from servicekit.metrics import Metrics


class LeftAlone(Protocol):
    """A store that may be left alone for a while."""

    @property
    def left_alone(self) -> bool:
        """Whether its calls are refused for now."""


class SearchMetrics(Metrics, Recorder):
    """The search service's metrics; its core tells them as a Recorder."""

    def __init__(self) -> None:
        super().__init__()
        self._rows = self.counter(
            "likeness_search_rows", "Rows that searches got from Milvus: true, or stale: replaced by then.", "state"
        )
        self._vectors = self.counter(
            "likeness_search_vectors", "Vectors that were wanted, by source: cache or milvus.", "source"
        )
        self._sweeps = self.counter("likeness_search_sweeps", "Sweeps, by outcome: done or failed.", "outcome")
        self._swept_at = self.gauge("likeness_search_swept_timestamp_seconds", "When a sweep was last done here.")
        self._swept = self.counter("likeness_search_swept_rows", "Keys of replaced or orphaned rows worked off.")
        self._expired = self.counter("likeness_search_unfinished_writes", "Writes that died half-way, worked off.")
        self._findings = self.counter(
            "likeness_search_findings", "What reconcile found, by kind and whether it was repaired.", "kind", "repaired"
        )

    def show(self, vectors: LeftAlone, guard: Guard) -> None:
        """Show how the stores are, whenever that is asked for."""
        self.follow(
            "likeness_search_breaker_open",
            "1 while Milvus is not called, since it failed its check.",
            lambda: vectors.left_alone,
        )
        self.follow(
            "likeness_search_collections_refused",
            "Collections of which nothing is deleted, since records seem to be lost.",
            lambda: len(guard.refused),
        )
        self.follow(
            "likeness_search_collections_lost",
            "Collections that Milvus has and Redis does not know; nothing is served while there are any.",
            lambda: guard.lost,
        )

    def rows_read(self, count: int, *, stale: int) -> None:
        """See Recorder."""
        self._rows.labels("true").inc(count - stale)
        self._rows.labels("stale").inc(stale)

    def looked_up(self, *, kept: int, read: int) -> None:
        """See Recorder."""
        self._vectors.labels("cache").inc(kept)
        self._vectors.labels("milvus").inc(read)

    def swept(self, rows: int) -> None:
        """See Recorder."""
        self._sweeps.labels("done").inc()
        self._swept_at.set_to_current_time()
        self._swept.inc(rows)

    def sweep_failed(self) -> None:
        """See Recorder."""
        self._sweeps.labels("failed").inc()

    def expired(self, writes: int) -> None:
        """See Recorder."""
        self._expired.inc(writes)

    def reconciled(self, findings: Sequence[Finding]) -> None:
        """See Recorder."""
        for finding in findings:
            self._findings.labels(finding.kind.value, str(finding.repaired).lower()).inc()
