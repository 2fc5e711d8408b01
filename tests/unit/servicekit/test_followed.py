"""What metrics say of the files that a server follows."""

import asyncio
from pathlib import Path

import pytest

from servicekit import security, tokens
from servicekit.certificates import Files
from servicekit.metrics import Metrics
from servicekit.settings import ServerSettings
from tests.pki import Folder

DAY = 24 * 3600.0


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder.made(tmp_path)


def certificates(folder: Folder) -> Files:
    return Files(folder.path / "ca.crt", folder.path / "tls.crt", folder.path / "tls.key")


def told(metrics: Metrics, name: str) -> dict[str, float]:
    return {
        sample.labels["files"]: sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == name
    }


def test_a_server_without_files_tells_nothing_of_them() -> None:
    metrics = Metrics()
    assert told(metrics, "likeness_files_refused") == {}
    assert told(metrics, "likeness_certificate_expires_seconds") == {}


def test_what_is_no_good_is_told_until_it_is_good_again(folder: Folder) -> None:
    known = tokens.watched(folder.tokens)
    before = [folder.tokens.read_bytes()]
    metrics = Metrics()
    with metrics.files.following([known]):
        assert told(metrics, "likeness_files_refused") == {"tokens": 0}
        for contents, refused in (([b"no TOML"], 1), (before, 0)):
            known.look(contents)
            known.look(contents)
            assert told(metrics, "likeness_files_refused") == {"tokens": refused}
    assert told(metrics, "likeness_files_refused") == {}


def test_it_is_told_how_long_certificates_count_and_the_worst_of_one_name(folder: Folder) -> None:
    watched = [certificates(folder).watched("certificates") for _ in range(2)]
    metrics = Metrics()
    with metrics.files.following([*watched, tokens.watched(folder.tokens)]):
        for _ in range(2):
            watched[1].look([b"", b"", b""])
        assert told(metrics, "likeness_certificate_expires_seconds") == {"certificates": pytest.approx(2 * DAY, abs=60)}
        assert told(metrics, "likeness_files_refused") == {"certificates": 1, "tokens": 0}


async def test_two_servers_in_one_process_tell_of_their_own_files(folder: Folder) -> None:
    async def server(**files: object) -> dict[str, float]:
        metrics = Metrics()
        async with security.opened(ServerSettings.model_validate(files)) as guard:
            with metrics.files.following(guard.watched):
                await asyncio.sleep(0)
                return told(metrics, "likeness_files_refused")

    one, other = await asyncio.gather(server(**folder.of_server()), server(tokens_file=folder.tokens))
    assert one == {"certificates": 0}
    assert other == {"tokens": 0}
