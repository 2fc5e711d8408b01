"""cryptography: certificates and keys in PEM, read and checked against each other and the clock."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import structlog
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from servicekit.certificates import Certificates
from servicekit.watched import Unusable

_log = structlog.get_logger()


def checked(what: str, given: Certificates) -> Certificates:
    """Return `given` with the end of its time, and log which certificate it is; `what` names the files.

    Raises:
        Unusable: it is no certificate, one out of its time, no key, or a key of another certificate.
    """
    now = datetime.now(UTC)
    if given.authorities is not None:
        _require_one_in_force(_certificates(given.authorities, "the file of authorities"), now)
    if given.chain is None or given.key is None:
        return given
    own = _certificates(given.chain, "the certificate file")[0]
    if own.public_key() != _key(given.key).public_key():
        raise Unusable("the key is not that of the certificate")
    if problem := _out_of_time(own, now):
        raise Unusable(f"the certificate {problem}")
    serial, expires = f"{own.serial_number:X}", own.not_valid_after_utc
    _log.info("certificate", files=what, serial=serial, expires=expires.isoformat())
    return replace(given, expires=expires)


def _require_one_in_force(authorities: Sequence[x509.Certificate], now: datetime) -> None:
    """Old ones may stand beside those that replace them."""
    problems = [_out_of_time(each, now) for each in authorities]
    if all(problems):
        raise Unusable(f"no authority is in force: the first {problems[0]}")


def _out_of_time(certificate: x509.Certificate, now: datetime) -> str:
    """Return why nobody will take a certificate now; empty if its time is not over and has begun."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    if now >= ends:
        return f"expired at {ends.isoformat()}"
    return f"does not count before {begins.isoformat()}" if now < begins else ""


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
