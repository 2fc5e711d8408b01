"""Is told what is worth counting, by whoever does it."""

from collections.abc import Sequence

from search_service.ports_repair import Finding


class Recorder:
    """Counts nothing: what counts overrides these, none of which may raise."""

    def rows_read(self, count: int, *, stale: int) -> None:
        """Note rows that a search got from Milvus, and how many of them a newer version had replaced."""

    def looked_up(self, *, kept: int, read: int) -> None:
        """Note vectors that were wanted, and kept here already, or read from Milvus."""

    def swept(self, rows: int) -> None:
        """Note a sweep that is done, and how many rows' keys went."""

    def sweep_failed(self) -> None:
        """Note a sweep that was postponed since a store did not answer."""

    def expired(self, writes: int) -> None:
        """Note writes that died half-way, whose rows a sweep has listed as garbage."""

    def reconciled(self, findings: Sequence[Finding]) -> None:
        """Note what a comparison of both stores found."""


SILENT = Recorder()
