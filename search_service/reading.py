"""How a search reads: how fresh, and how hard."""

from dataclasses import dataclass
from enum import Enum


class Consistency(Enum):
    """Which acknowledged writes a read must see."""

    BOUNDED = "BOUNDED"
    """Those of this process; the last ones of others may be missing."""
    STRONG = "STRONG"
    """All."""


@dataclass(frozen=True, slots=True)
class SearchParams:
    """How hard a search looks, each field for its kinds of index; zero leaves it to the store."""

    ef: int = 0
    nprobe: int = 0
    search_list: int = 0


DEFAULT_PARAMS = SearchParams()
