"""Every kind of index of every Milvus, with every figure that a caller may give."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator
from dataclasses import replace

import numpy as np
import pytest

from search_service.ports import VectorStore
from search_service.reading import SearchParams
from search_service.values import IndexSpec, Metric, Record, Row, Version
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


@pytest.fixture(scope="module")
async def tried(vectors: VectorStore, request: pytest.FixtureRequest) -> AsyncIterator[dict[str, str | InvalidField]]:
    """The space of each kind, or why there is none; made at once, for a server takes seconds for each."""
    spaces = {kind: f"test_{secrets.token_hex(6)}" for kind in KINDS}
    spec = IndexSpec(m=8, ef_construction=64, nlist=16)
    made = await asyncio.gather(
        *(vectors.create(space, DIMENSION, Metric.L2, replace(spec, kind=kind)) for kind, space in spaces.items()),
        return_exceptions=True,
    )
    assert all(result is None or isinstance(result, InvalidField) for result in made)
    yield {k: r if isinstance(r, InvalidField) else spaces[k] for k, r in zip(spaces, made, strict=True)}
    for space in spaces.values():
        await vectors.drop(space)


@pytest.mark.parametrize("kind", KINDS)
async def test_a_kind_is_there_or_refused_by_name(
    vectors: VectorStore, tried: dict[str, str | InvalidField], kind: str, request: pytest.FixtureRequest
) -> None:
    offered = OFFERED[request.node.callspec.params["vectors"]]
    result = tried[kind]
    if isinstance(result, InvalidField):
        assert kind not in offered
        assert result.violations[0].field == "collection.index.kind"
        assert set(re.findall(r"[A-Z_\d]{4,}", result.message)) == offered | {kind}
    else:
        assert kind in offered
        await hold_to_brute_force(vectors, result)


async def hold_to_brute_force(vectors: VectorStore, space: str) -> None:
    data = np.random.default_rng(3).normal(size=(COUNT, DIMENSION)).astype(np.float32)
    data /= np.linalg.norm(data, axis=1, keepdims=True)
    records = [Record(Version(f"image-{i}", "0" * 64), 1, 1, 1) for i in range(COUNT)]
    await vectors.insert(space, [Row(record, vector) for record, vector in zip(records, data, strict=True)])
    expected = np.argsort(((data.astype(np.float64) - data[5]) ** 2).sum(axis=1))[:10]
    for effort in EFFORTS:
        found = await vectors.search(space, Metric.L2, data[5], 10, params=effort)
        assert [match.key.image_id for match in found] == [f"image-{i}" for i in expected]
