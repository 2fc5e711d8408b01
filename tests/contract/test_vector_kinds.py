"""Every kind of index of every Milvus, with every figure that a caller may give."""

import re
import secrets
from collections.abc import AsyncIterator

import numpy as np
import pytest

from search_service.ports import IndexSpec, Metric, Record, Row, VectorStore, Version
from search_service.reading import SearchParams
from servicekit.errors import InvalidField

COUNT, DIMENSION = 300, 32
OFFERED = {
    "memory": {"FLAT", "IVF_FLAT"},
    "milvus-lite": {"FLAT", "IVF_FLAT"},
    "milvus-server": {"FLAT", "HNSW", "IVF_FLAT", "IVF_SQ8", "DISKANN"},
}
KINDS = ("FLAT", "HNSW", "IVF_FLAT", "IVF_SQ8", "DISKANN", "HNSW_SQ", "IVF_RABITQ")
EFFORTS = [
    SearchParams(),
    SearchParams(ef=1, nprobe=1, search_list=1),
    SearchParams(ef=32_768, nprobe=65_536, search_list=65_535),
]


@pytest.fixture
async def space(vectors: VectorStore) -> AsyncIterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    yield name
    await vectors.drop(name)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_kind_is_there_or_refused_by_name(
    vectors: VectorStore, space: str, kind: str, request: pytest.FixtureRequest
) -> None:
    offered = next(kinds for name, kinds in OFFERED.items() if name in request.node.callspec.params.values())
    if kind not in offered:
        with pytest.raises(InvalidField) as refused:
            await vectors.create(space, DIMENSION, Metric.L2, IndexSpec(kind))
        assert refused.value.violations[0].field == "collection.index.kind"
        assert set(re.findall(r"[A-Z_\d]{4,}", refused.value.message)) == offered | {kind}
        return
    await vectors.create(space, DIMENSION, Metric.L2, IndexSpec(kind, m=8, ef_construction=64, nlist=16))
    data = np.random.default_rng(3).normal(size=(COUNT, DIMENSION)).astype(np.float32)
    data /= np.linalg.norm(data, axis=1, keepdims=True)
    records = [Record(Version(f"image-{i}", "0" * 64), 1, 1, 1) for i in range(COUNT)]
    await vectors.insert(space, [Row(record, vector) for record, vector in zip(records, data, strict=True)])
    expected = np.argsort(((data.astype(np.float64) - data[5]) ** 2).sum(axis=1))[:10]
    for effort in EFFORTS:
        found = await vectors.search(space, Metric.L2, data[5], 10, params=effort)
        assert [match.key.image_id for match in found] == [f"image-{i}" for i in expected]
