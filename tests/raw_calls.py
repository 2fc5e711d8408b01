"""The start of HTTP/2 connections that no gRPC library makes."""

import struct

_SETTINGS, _HEADERS = 4, 1
_END_HEADERS = 4


def frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    """Return a frame of HTTP/2: RFC 9113, section 4.1."""
    return struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + body


def call_of(path: bytes, authorization: bytes = b"") -> bytes:
    """Return the start of a connection with a call whose path and header `authorization` may be any bytes."""

    def literal(name: bytes, value: bytes) -> bytes:
        return name + bytes([len(value)]) + value

    # RFC 7541, appendix A: 0x83 is POST, 0x86 is http; 4 is path, 1 authority, 23 (0x0f, 0x08) authorization, 31 (0x0f,
    # 0x10) content type.
    headers = b"\x83\x86" + literal(b"\x04", path) + literal(b"\x01", b"x")
    headers += literal(b"\x0f\x10", b"application/grpc") + b"\x00" + b"\x02te" + b"\x08trailers"
    if authorization:
        headers += literal(b"\x0f\x08", authorization)
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    return preface + frame(_SETTINGS, 0, 0, b"") + frame(_HEADERS, _END_HEADERS, 1, headers)
