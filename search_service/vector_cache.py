"""Vectors that were looked up, kept for the next look: a row never changes, and no key is used twice."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

from search_service.values import RowKey, Vector

# Of an entry beside its components: about what its key, its array and its place take.
_ENTRY_BYTES = 500


class VectorCache:
    """Keeps what was used last, within a bound in bytes; 0 keeps nothing."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._vectors: OrderedDict[tuple[str, RowKey], Vector] = OrderedDict()

    def get(self, space: str, keys: Sequence[RowKey]) -> dict[RowKey, Vector]:
        """Return those that are kept."""
        found = {key: self._vectors[space, key] for key in keys if (space, key) in self._vectors}
        for key in found:
            self._vectors.move_to_end((space, key))
        return found

    def put(self, space: str, vectors: Mapping[RowKey, Vector]) -> None:
        """Keep these, and let go what was not used for the longest time."""
        for key, vector in vectors.items():
            self._remove((space, key))
            # A copy: rows that were read together would keep each other in memory.
            self._vectors[space, key] = vector.copy()
            self._bytes += _size(vector)
        while self._bytes > self._max_bytes:
            self._remove(next(iter(self._vectors)))

    def forget(self, space: str, keys: Iterable[RowKey] | None = None) -> None:
        """Let go these of a space, or all of it."""
        gone = [entry for entry in self._vectors if entry[0] == space] if keys is None else [(space, k) for k in keys]
        for entry in gone:
            self._remove(entry)

    def _remove(self, entry: tuple[str, RowKey]) -> None:
        vector = self._vectors.pop(entry, None)
        if vector is not None:
            self._bytes -= _size(vector)


def _size(vector: Vector) -> int:
    return vector.nbytes + _ENTRY_BYTES
