"""From a server to a folder, as `likeness-models pull` goes."""

import asyncio
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from embedder_service import model_folder
from embedder_service.model_tools.errors import ToolError
from embedder_service.model_tools.pulling import pull
from embedder_service.model_tools.zoo import CATALOGUE, Entry
from tests.embedder_models import FLOAT, Port, network, node
from tests.unit.model_tools.test_download import Handler, Server, running

WEIGHTS = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
INPUTS: list[Port] = [("data", FLOAT, [1, 3, 16, 16])]
NODES = [
    node("Conv", ["data", "weights"], ["map"]),
    node("GlobalAveragePool", ["map"], ["pool"]),
    node("Flatten", ["pool"], ["flat"]),
    node("Gemm", ["flat", "classes"], ["scores"]),
]
FILE = network(
    *NODES, inputs=INPUTS, outputs=[("scores", FLOAT, [1, 2])], weights=WEIGHTS, classes=np.ones((4, 2), "f")
)
ENTRY = Entry("nets/model/net-12.onnx", len(FILE), hashlib.sha256(FILE).hexdigest(), "a net", preset="caffe")


@pytest.fixture
def server() -> Iterator[Server]:
    with running(
        lambda handler: handler.send(200, FILE if handler.path == "/zoo/nets/model/net-12.onnx" else b"")
    ) as it:
        yield it


def fetched(server: Server, repository: Path, entry: Entry = ENTRY) -> Path:
    base = f"http://127.0.0.1:{server.server_port}/zoo/"
    return asyncio.run(pull(entry, repository, base, name=None, replace=False))


def test_a_network_is_fetched_cut_and_written(server: Server, tmp_path: Path) -> None:
    files = model_folder.read(fetched(server, tmp_path))
    assert (files.card.name, files.card.dimension, files.card.license) == ("net-12", 4, "Apache-2.0")
    assert files.card.source.endswith("/zoo/nets/model/net-12.onnx")
    assert (files.card.preprocessing.colour_order, files.card.preprocessing.mean) == ("BGR", (104.0, 117.0, 123.0))
    assert files.golden is not None
    assert [path.name for path in (tmp_path / ".downloads").iterdir()] == []


def test_of_another_file_nothing_is_kept(server: Server, tmp_path: Path) -> None:
    other = Entry(ENTRY.path, ENTRY.size_bytes, "0" * 64, "another")
    with pytest.raises(ToolError, match="is another file"):
        fetched(server, tmp_path, other)
    assert [path.name for path in tmp_path.rglob("*")] == [".downloads"]


def test_the_catalogue_names_each_file_once() -> None:
    assert len({entry.sha256 for entry in CATALOGUE.values()}) == len(CATALOGUE) == 9
    assert all(len(entry.sha256) == 64 and entry.path.endswith(f"{name}.onnx") for name, entry in CATALOGUE.items())


def silent(_: Handler) -> None:
    """Hang up."""


def test_a_server_that_says_nothing_is_named(tmp_path: Path) -> None:
    with running(silent) as server, pytest.raises(ToolError, match="cannot be fetched"):
        fetched(server, tmp_path)
