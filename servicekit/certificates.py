"""Certificates and keys in PEM files, checked before a handshake needs them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from servicekit.watched import Watched


@dataclass(frozen=True, slots=True)
class Files:
    """Where the PEM files are; none of them where there is no path."""

    authorities: Path | None = None
    chain: Path | None = None
    key: Path | None = None

    def watched(self, what: str) -> "Watched[Certificates]":
        """Return what the files hold, now and later.

        Raises:
            Unusable: it is no certificate, one out of its time, no key, or a key of another certificate.
        """
        from servicekit import pem  # noqa: PLC0415 9 MB for those alone who have certificates

        names = [name for name in ("authorities", "chain", "key") if getattr(self, name)]

        def parse(contents: Sequence[bytes]) -> Certificates:
            given: dict[str, Any] = dict(zip(names, contents, strict=True))
            return pem.checked(what, Certificates(**given))

        return Watched(what, [getattr(self, name) for name in names], parse)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Whom this side trusts, and who it is: PEM, None where that is not given; and when `chain` ends, once checked."""

    authorities: bytes | None = None
    chain: bytes | None = None
    key: bytes | None = None
    expires: datetime | None = None
