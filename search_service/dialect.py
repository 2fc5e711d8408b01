"""What a Milvus offers, by what it says of itself."""

import re
from dataclasses import dataclass

from search_service.reading import SearchParams
from search_service.values import IndexSpec

_VERSION = re.compile(r"(\d+)\.(\d+)")
_MAX_EF = 32_768
_MAX_SEARCH_LIST = 65_535
# What is looked at when neither the caller nor the length of the list asks for more.
_EF, _NPROBE, _SEARCH_LIST = 128, 32, 100


@dataclass(frozen=True, slots=True)
class Dialect:
    """One kind of Milvus.

    Args:
        kinds: The kinds of index; the first is its own choice.
        negates: Whether a row without an attribute counts among those whose attribute differs from a value. Later
            servers take it for null, which neither equals nor differs.
    """

    kinds: tuple[str, ...]
    negates: bool


LITE = Dialect(("FLAT", "IVF_FLAT"), negates=True)
_SERVER = ("HNSW", "FLAT", "IVF_FLAT", "IVF_SQ8", "DISKANN")
_SINCE_2_6 = ("HNSW_SQ", "IVF_RABITQ")


def of_server(version: str) -> Dialect:
    """Return what a Milvus server of this version offers; the least of all where the version cannot be read."""
    found = _VERSION.search(version)
    number = (int(found[1]), int(found[2])) if found else (0, 0)
    kinds = _SERVER + _SINCE_2_6 if number >= (2, 6) else _SERVER
    return Dialect(kinds, negates=number == (2, 3))


def build_params(kind: str, index: IndexSpec) -> dict[str, int | str]:
    """Return how Milvus builds an index of this kind."""
    match kind:
        case "HNSW":
            return {"M": index.m, "efConstruction": index.ef_construction}
        case "HNSW_SQ":
            return {"M": index.m, "efConstruction": index.ef_construction, "sq_type": "SQ8"}
        case "IVF_FLAT" | "IVF_SQ8" | "IVF_RABITQ":
            return {"nlist": index.nlist}
        case _:
            return {}


def search_params(params: SearchParams, limit: int) -> dict[str, int]:
    """Return how hard Milvus looks for `limit` rows, for every kind of index: it reads what is the collection's."""
    return {
        "ef": min(_MAX_EF, max(params.ef or max(_EF, 2 * limit), limit)),
        "nprobe": params.nprobe or _NPROBE,
        "search_list": min(_MAX_SEARCH_LIST, max(params.search_list or _SEARCH_LIST, limit)),
    }
