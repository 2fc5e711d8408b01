"""Certificates and keys in PEM, checked before a handshake needs them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from servicekit.watched import Unusable, Watched

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Files:
    """Where the PEM files are; none of them where there is no path."""

    authorities: Path | None = None
    chain: Path | None = None
    key: Path | None = None

    def watched(self, what: str) -> "Watched[Certificates]":
        """Return what the files hold, now and later.

        Raises:
            Unusable: it is no certificate, no key, or a key of another certificate.
        """
        names = [name for name in ("authorities", "chain", "key") if getattr(self, name)]

        def parse(contents: Sequence[bytes]) -> Certificates:
            return _checked(what, Certificates(**dict(zip(names, contents, strict=True))))

        return Watched(what, [getattr(self, name) for name in names], parse)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Whom this side trusts, and who it is: PEM, None where that is not given."""

    authorities: bytes | None = None
    chain: bytes | None = None
    key: bytes | None = None


def _checked(what: str, given: Certificates) -> Certificates:
    if given.authorities is not None:
        _certificates(given.authorities, "the file of authorities")
    if given.chain is not None and given.key is not None:
        own = _certificates(given.chain, "the certificate file")[0]
        if own.public_key() != _key(given.key).public_key():
            raise Unusable("the key is not that of the certificate")
        serial, expires = f"{own.serial_number:X}", own.not_valid_after_utc.isoformat()
        _log.info("certificate", files=what, serial=serial, expires=expires)
    return given


def _certificates(pem: bytes, where: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise Unusable(f"{where} cannot be read, or holds no PEM certificate") from None


def _key(pem: bytes) -> PrivateKeyTypes:
    try:
        return serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError):
        raise Unusable("the key file cannot be read, or holds no PEM key without a passphrase") from None
