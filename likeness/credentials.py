"""What a caller shows and whom it trusts, from files."""

import ssl
from pathlib import Path

import grpc

from likeness.errors import LikenessError


def from_files(
    *,
    ca_file: Path | None = None,
    cert_file: Path | None = None,
    key_file: Path | None = None,
    token_file: Path | None = None,
) -> grpc.ChannelCredentials:
    """Return credentials for TLS, for `likeness.Client` or any channel of gRPC's.

    Args:
        ca_file: PEM file of the authorities that the server is checked against; without one, gRPC's own are trusted.
        cert_file: PEM file of the certificate to show, where the server asks for one.
        key_file: PEM file of that certificate's key.
        token_file: File with a bearer token. A token goes over TLS alone.

    Raises:
        LikenessError: a file cannot be read, `ca_file` holds no certificate, or a certificate comes without its key.
    """
    if (cert_file is None) != (key_file is None):
        raise _wrong("a certificate and its key go together")
    tls = grpc.ssl_channel_credentials(_authorities(ca_file), _content(key_file), _content(cert_file))
    token = (_content(token_file) or b"").decode(errors="replace").strip()
    if token_file is None:
        return tls
    if not token or not token.isascii() or not token.isprintable():
        raise _wrong(f"{token_file} holds no token")
    return grpc.composite_channel_credentials(tls, grpc.access_token_call_credentials(token))


def _content(file: Path | None) -> bytes | None:
    try:
        return file.read_bytes() if file else None
    except OSError as error:
        raise _wrong(f"{file} cannot be read: {error.strerror}") from None


def _authorities(file: Path | None) -> bytes | None:
    content = _content(file)
    try:
        # gRPC says of a file without any, at the first call, that the server cannot be reached.
        if content is not None:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=content.decode("ascii", "ignore"))
    except (ssl.SSLError, ValueError):
        raise _wrong(f"{file} holds no certificates in PEM: it must hold those of the authorities to trust") from None
    return content


def _wrong(problem: str) -> LikenessError:
    return LikenessError("INVALID_ARGUMENT", "INVALID_FIELD", problem)
