"""A Milvus server that wants TLS on both sides, a password and a database."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import trustme
from pymilvus import MilvusClient

from search_service.milvus_access import MilvusAccess
from search_service.milvus_store import MilvusVectorStore
from search_service.settings import SearchSettings
from search_service.values import IndexSpec, Metric, Record, Row, Version
from servicekit.errors import BackendUnavailable, ServiceError
from tests import servers

SERVER_NAME, TOKEN, DATABASE = "milvus.test", "root:Milvus", "shop"
ROW = Row(Record(Version("image", "0" * 64), 1, 1, 1), np.array([1.0, 0.0], np.float32))


@dataclass(frozen=True)
class Guarded:
    """The address of the server, and what opens it."""

    uri: str
    access: MilvusAccess


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the certificates of an authority, a server and a client, and those of a stranger."""
    folder = tmp_path_factory.mktemp("certificates")
    for prefix in ("", "other-"):
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / f"{prefix}ca.pem"))
        for name in ("server", "client"):
            issued = authority.issue_cert(SERVER_NAME if name == "server" else "client.test")
            issued.private_key_pem.write_to_path(str(folder / f"{prefix}{name}.key"))
            issued.cert_chain_pems[0].write_to_path(str(folder / f"{prefix}{name}.pem"))
    return folder


@pytest.fixture(scope="module")
def guarded(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    access = MilvusAccess(
        TOKEN, DATABASE, files / "ca.pem", files / "client.pem", files / "client.key", server_name=SERVER_NAME
    )
    options = ["--authorization-enabled", "true", "--tls-mode", "2", "--ca-pem-path", str(files / "ca.pem")]
    options += ["--server-pem-path", str(files / "server.pem"), "--server-key-path", str(files / "server.key")]
    with servers.milvus_server(tmp_path_factory.mktemp("guarded"), *options) as server:
        uri = server.uri.replace("http:", "https:")
        replace(server, uri=uri, options=replace(access, database="").options()).wait()
        client = MilvusClient(uri, timeout=5, dedicated=True, **replace(access, database="").options())
        client.create_database(DATABASE, timeout=10)
        client.close()
        yield Guarded(uri, access)


@asynccontextmanager
async def store_with(uri: str, access: MilvusAccess) -> AsyncIterator[MilvusVectorStore]:
    async with MilvusVectorStore.open(
        uri, flavour="server", threads=1, timeout_seconds=30, ensure=lambda: None, access=access
    ) as store:
        yield store


@pytest.mark.long
async def test_whoever_has_all_that_is_asked_for_gets_in(guarded: Guarded) -> None:
    async with store_with(guarded.uri, guarded.access) as store:
        await store.check()
        await store.create("behind_tls", 2, Metric.L2, IndexSpec("FLAT"))
        await store.insert("behind_tls", [ROW])
        assert [m.key for m in await store.search("behind_tls", Metric.L2, ROW.vector, 1)] == [ROW.record.key]
    elsewhere = replace(guarded.access, database="").options()
    client = MilvusClient(guarded.uri, timeout=5, dedicated=True, **elsewhere)
    assert client.list_collections(timeout=5) == []
    client.close()


@pytest.mark.long
@pytest.mark.parametrize(
    "wrong",
    [
        {"token": ""},
        {"token": "root:wrong"},
        {"database": "none"},
        {"ca_file": "other-ca.pem"},
        {"cert_file": None, "key_file": None},
        {"cert_file": "other-client.pem", "key_file": "other-client.key"},
        {"server_name": "other.test"},
        {"server_name": ""},
    ],
    ids=str,
)
async def test_whoever_lacks_a_part_does_not(guarded: Guarded, files: Path, wrong: dict[str, str | None]) -> None:
    changed = {name: files / v if v and name.endswith("_file") else v for name, v in wrong.items()}
    async with store_with(guarded.uri, replace(guarded.access, **changed)) as store:  # type: ignore[arg-type]
        with pytest.raises(ServiceError):
            await store.check()
        with pytest.raises(BackendUnavailable):
            await store.count("behind_tls")


@pytest.mark.long
async def test_a_guarded_server_is_not_spoken_to_in_the_clear(guarded: Guarded) -> None:
    async with store_with(guarded.uri.replace("https:", "http:"), guarded.access) as store:
        with pytest.raises(ServiceError):
            await store.check()
        with pytest.raises(BackendUnavailable):
            await store.count("behind_tls")


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"milvus_tls_ca_file": "ca.pem"}, "https://"),
        ({"milvus_tls_server_name": "milvus.test"}, "https://"),
        ({"milvus_uri": "https://milvus:19530", "milvus_tls_cert_file": "client.pem"}, "go together"),
        ({"milvus_uri": "https://milvus:19530", "milvus_tls_ca_file": "absent.pem"}, "not point to a file"),
        ({"milvus_database": "shop"}, "embedded"),
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_refused(files: Path, given: dict[str, str], problem: str) -> None:
    placed = {name: str(files / value) if name.endswith("_file") else value for name, value in given.items()}
    with pytest.raises(ValueError, match=problem):
        SearchSettings(**placed)  # type: ignore[arg-type]
