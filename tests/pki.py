"""Certificates and tokens as an operator would have them, in files that may be replaced."""

import hashlib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import trustme
from cryptography import x509

from servicekit.tokens import Role

READER, WRITER, ADMIN, EXPIRED = ("reader" * 4, "writer" * 4, "admin" * 4, "expired" * 4)
SERVER = "likeness.test"
"""The name that every server's certificate bears."""


@dataclass(frozen=True)
class Leaf:
    """A certificate with its key, in PEM."""

    chain: bytes
    key: bytes

    @classmethod
    def of(cls, authority: trustme.CA, name: str, *, expired: bool = False, early: bool = False) -> "Leaf":
        """Issue one; of the day before yesterday if it is to be expired, of tomorrow if it is to come early."""
        now = datetime.now(UTC)
        ends = now - timedelta(days=1) if expired else now + timedelta(days=2)
        begins = now + timedelta(days=1) if early else now - timedelta(days=2)
        leaf = authority.issue_cert(name, not_before=begins, not_after=ends)
        return cls(b"".join(pem.bytes() for pem in leaf.cert_chain_pems), leaf.private_key_pem.bytes())


@dataclass(frozen=True)
class Folder:
    """What a server is given: its own certificate, the authorities of callers, and the tokens."""

    path: Path
    authority: trustme.CA = field(default_factory=trustme.CA)

    @classmethod
    def made(cls, path: Path) -> "Folder":
        """Return a folder with everything in it."""
        folder = cls(path)
        folder.write_authorities(folder.authority)
        folder.write(folder.server())
        folder.write_tokens()
        return folder

    def server(self) -> Leaf:
        """Return another certificate of the servers' name."""
        return Leaf.of(self.authority, SERVER)

    def client(self) -> Leaf:
        """Return another certificate of a caller's."""
        return Leaf.of(self.authority, "caller.test")

    def write(self, leaf: Leaf) -> None:
        """Put a certificate in the place of the one that is there, one file after the other."""
        (self.path / "tls.crt").write_bytes(leaf.chain)
        (self.path / "tls.key").write_bytes(leaf.key)

    def write_authorities(self, *authorities: trustme.CA) -> None:
        """Put the authorities that are to be trusted in the place of those that are there."""
        (self.path / "ca.crt").write_bytes(b"".join(authority.cert_pem.bytes() for authority in authorities))

    def write_tokens(self, extra: str = "") -> None:
        """Put the tokens in the place of those that are there: one of each role, one that has expired, and others."""
        text = "\n".join(entry(role.name.lower(), role, token) for role, token in TOKENS.items())
        yesterday = (datetime.now(UTC) - timedelta(days=1)).isoformat()
        self.tokens.write_text(f"{text}\n{entry('old', Role.ADMIN, EXPIRED, f'expires = {yesterday}')}\n{extra}")

    @property
    def tokens(self) -> Path:
        """The file of tokens."""
        return self.path / "tokens.toml"

    def of_server(self) -> dict[str, Any]:
        """Return the settings of a server that asks callers for a certificate."""
        return {
            "tls_cert_file": self.path / "tls.crt",
            "tls_key_file": self.path / "tls.key",
            "tls_client_ca_file": self.path / "ca.crt",
        }

    def credentials(self, leaf: Leaf | None) -> grpc.ChannelCredentials:
        """Return what a caller connects with."""
        own = (leaf.key, leaf.chain) if leaf else (None, None)
        return grpc.ssl_channel_credentials(self.authority.cert_pem.bytes(), *own)

    def of_peer(self) -> dict[str, Any]:
        """Return the settings of a gateway that shows an admin's token and its own certificate."""
        (self.path / "peer.token").write_text(ADMIN)
        return {
            "peer_tls_ca_file": self.path / "ca.crt",
            "peer_tls_cert_file": self.path / "tls.crt",
            "peer_tls_key_file": self.path / "tls.key",
            "peer_token_file": self.path / "peer.token",
            "embedder_tls_name": SERVER,
            "search_tls_name": SERVER,
        }

    def channel(
        self, address: str, leaf: Leaf | None, *, token: str = "", options: Sequence[tuple[str, Any]] = ()
    ) -> grpc.aio.Channel:
        """Connect to a server that bears the servers' name; no connection is shared with another channel."""
        own = [("grpc.ssl_target_name_override", SERVER), ("grpc.use_local_subchannel_pool", 1)]
        credentials = self.credentials(leaf)
        if token:
            shown = grpc.access_token_call_credentials(token)
            credentials = grpc.composite_channel_credentials(credentials, shown)
        return grpc.aio.secure_channel(address, credentials, options=[*own, *options])

    def serial(self, address: str) -> int:
        """Return the serial number of the certificate that a server shows."""
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.authority.issue_cert("caller.test").configure_cert(context)
        host, _, port = address.rpartition(":")
        with (
            socket.create_connection((host, int(port)), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname=SERVER) as wrapped,
        ):
            return x509.load_der_x509_certificate(wrapped.getpeercert(binary_form=True) or b"").serial_number


TOKENS = {Role.READER: READER, Role.WRITER: WRITER, Role.ADMIN: ADMIN}


def entry(name: str, role: Role, token: str, *lines: str) -> str:
    """Return one entry of a file of tokens: hashed, as one would keep it."""
    sha256 = hashlib.sha256(token.encode()).hexdigest()
    return "\n".join(["[[token]]", f'name = "{name}"', f'role = "{role.name.lower()}"', f'sha256 = "{sha256}"', *lines])


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata that shows a token."""
    return (("authorization", f"Bearer {token}"),)
