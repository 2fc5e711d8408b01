"""The ids that pictures get from their paths, and back."""

import hashlib
import os
import re

_MAX_ID_CHARS = 128
_PREFIX_CHARS = 62
_FORBIDDEN = re.compile(rb"[^A-Za-z0-9._:/-]")
_ID = re.compile(r"[A-Za-z0-9._:/@-]{1,128}")
_ESCAPED = re.compile(rb"@([0-9A-F]{2})")


def image_id_of(path: str) -> str:
    """Return the id of a picture whose path, relative and with slashes, is `path`.

    Ids hold `[A-Za-z0-9._:/@-]` only, at most 128 of them. Every other byte of the path, and `@`, is written as `@`
    and two hex digits, so that no two paths share an id: `a b.jpg` is `a@20b.jpg`. What is longer than 128 characters
    then keeps its first 62, followed by `@@` and the SHA-256 of the path in hex; `@@` stands in no shorter id.
    """
    raw = os.fsencode(path)
    escaped = _FORBIDDEN.sub(lambda match: b"@%02X" % match.group()[0], raw).decode("ascii")
    if len(escaped) <= _MAX_ID_CHARS:
        return escaped
    return f"{escaped[:_PREFIX_CHARS]}@@{hashlib.sha256(raw).hexdigest()}"


def typed_id(text: str) -> str:
    """Return the id that a person means: what is no id is a path, and stands for the id of that path."""
    return text if _ID.fullmatch(text) else image_id_of(text)


def readable(image_id: str) -> str:
    """Return the path that an id was made from, where it is one that can be read; otherwise the id."""
    raw = _ESCAPED.sub(lambda match: bytes.fromhex(match[1].decode("ascii")), image_id.encode())
    path = os.fsdecode(raw)
    return path if path.isprintable() and image_id_of(path) == image_id else image_id
