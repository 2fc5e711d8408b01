"""What a Milvus offers, by its version, and how hard it is told to look."""

import pytest

from search_service import dialect
from search_service.reading import SearchParams
from search_service.values import IndexSpec

OLD = {"FLAT", "HNSW", "IVF_FLAT", "IVF_SQ8", "DISKANN"}
NEW = {"HNSW_SQ", "IVF_RABITQ"}


@pytest.mark.parametrize(
    ("version", "kinds", "negates"),
    [
        ("v2.3.5-lite", OLD, True),
        ("2.4.23", OLD, False),
        ("v2.5.12", OLD, False),
        ("2.6.0", OLD | NEW, False),
        ("v2.10.1", OLD | NEW, False),
        ("3.0.2", OLD | NEW, False),
        ("Compatible with Milvus 2.6", OLD | NEW, False),
        ("master-20260101", OLD, False),
        ("", OLD, False),
    ],
)
def test_a_server_offers_what_its_version_has(version: str, kinds: set[str], negates: bool) -> None:
    offer = dialect.of_server(version)
    assert set(offer.kinds) == kinds
    assert offer.kinds[0] == "HNSW"
    assert offer.negates is negates


@pytest.mark.parametrize(
    ("given", "limit", "expected"),
    [
        (SearchParams(), 10, {"ef": 128, "nprobe": 32, "search_list": 100}),
        (SearchParams(), 500, {"ef": 1000, "nprobe": 32, "search_list": 500}),
        (SearchParams(), 16384, {"ef": 32768, "nprobe": 32, "search_list": 16384}),
        (SearchParams(ef=1, nprobe=1, search_list=1), 116, {"ef": 116, "nprobe": 1, "search_list": 116}),
        (SearchParams(32768, 65536, 65535), 9, {"ef": 32768, "nprobe": 65536, "search_list": 65535}),
    ],
)  # fmt: skip
def test_what_a_caller_wants_is_raised_to_the_list(given: SearchParams, limit: int, expected: dict[str, int]) -> None:
    assert dialect.search_params(given, limit) == expected


def test_each_kind_is_built_with_its_own_figures() -> None:
    spec = IndexSpec(m=8, ef_construction=100, nlist=64)
    built = {kind: dialect.build_params(kind, spec) for kind in OLD | NEW}
    assert built["FLAT"] == built["DISKANN"] == {}
    assert built["HNSW"] == {"M": 8, "efConstruction": 100}
    assert built["HNSW_SQ"] == {"M": 8, "efConstruction": 100, "sq_type": "SQ8"}
    assert built["IVF_FLAT"] == built["IVF_SQ8"] == built["IVF_RABITQ"] == {"nlist": 64}
