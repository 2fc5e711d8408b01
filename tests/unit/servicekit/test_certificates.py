"""Files of certificates: what is taken, at the start and later, and what is refused in words for an operator."""

from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Self

import pytest
import trustme
from cryptography.x509 import load_pem_x509_certificate

from servicekit.certificates import Certificates, Files
from servicekit.watched import Unusable, Watched
from tests.pki import SERVER, Folder, Leaf


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder.made(tmp_path)


def files(folder: Folder) -> Files:
    return Files(*(folder.path / name for name in ("ca.crt", "tls.crt", "tls.key")))


def found(folder: Folder, leaf: Leaf) -> list[bytes]:
    return [folder.authority.cert_pem.bytes(), leaf.chain, leaf.key]


def of(folder: Folder, when: str) -> Leaf:
    return Leaf.of(folder.authority, SERVER, expired=when == "expired", early=when == "early")


def replaced(watched: Watched[Certificates], contents: list[bytes]) -> None:
    for _ in range(2):
        watched.look(contents)


def test_it_is_known_when_a_certificate_ends(folder: Folder) -> None:
    value = files(folder).watched("certificates").value
    assert value.chain is not None
    assert value.expires == load_pem_x509_certificate(value.chain).not_valid_after_utc
    assert Files(folder.path / "ca.crt").watched("certificates").value.expires is None


@pytest.mark.parametrize(("when", "problem"), [("expired", "expired at "), ("early", "does not count before ")])
def test_a_certificate_out_of_its_time_is_refused_at_the_start_and_later(
    folder: Folder, when: str, problem: str
) -> None:
    watched = files(folder).watched("certificates")
    good, bad = watched.value, of(folder, when)
    replaced(watched, found(folder, bad))
    assert watched.value is good
    assert watched.refused
    folder.write(bad)
    with pytest.raises(Unusable, match=f"certificates: the certificate {problem}"):
        files(folder).watched("certificates")


def test_a_certificate_that_came_early_is_taken_in_its_time(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    watched = files(folder).watched("certificates")
    early = of(folder, "early")
    replaced(watched, found(folder, early))
    assert watched.refused
    monkeypatch.setattr("servicekit.pem.datetime", Tomorrow)
    watched.look(found(folder, early))
    assert watched.value.chain == early.chain
    assert not watched.refused


class Tomorrow(datetime):
    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        return super().now(tz) + timedelta(days=1, minutes=1)


def test_what_is_put_back_is_refused_no_more(folder: Folder) -> None:
    watched = files(folder).watched("certificates")
    good = watched.value
    before = [good.authorities or b"", good.chain or b"", good.key or b""]
    replaced(watched, found(folder, of(folder, "expired")))
    replaced(watched, before)
    assert not watched.refused
    assert watched.value is good


def authority(monkeypatch: pytest.MonkeyPatch, *, ended: bool) -> trustme.CA:
    with monkeypatch.context() as patched:
        if ended:
            patched.setattr(trustme, "DEFAULT_EXPIRY", datetime.now(UTC) - timedelta(days=1))
        return trustme.CA()


def test_of_several_authorities_one_must_be_in_force(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = authority(monkeypatch, ended=True)
    folder.write_authorities(ended, folder.authority)
    assert files(folder).watched("certificates").value.authorities is not None
    folder.write_authorities(ended)
    with pytest.raises(Unusable, match="no authority is in force: the first expired at "):
        files(folder).watched("certificates")
