"""The ids that pictures get from their paths."""

import hashlib
import os
import re

_MAX_ID_CHARS = 128
_PREFIX_CHARS = 62
_FORBIDDEN = re.compile(rb"[^A-Za-z0-9._:/-]")


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
