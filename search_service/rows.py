"""A row as the fields that Milvus keeps, and back."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from search_service import encoding
from search_service.expression import ATTRIBUTES_FIELD, KEY_FIELD
from search_service.values import Metric, Record, Row, RowKey

VECTOR_FIELD = "vector"
# Each field's name, type and limits, the vector apart. A key is an image id, `#` and at most 16 digits.
FIELDS: Sequence[tuple[str, str, Mapping[str, Any]]] = (
    (KEY_FIELD, "VARCHAR", {"is_primary": True, "max_length": 160}),
    ("image_id", "VARCHAR", {"max_length": 128}),
    ("generation", "INT64", {}),
    ("content_sha256", "VARCHAR", {"max_length": 64}),
    ("uri", "VARCHAR", {"max_length": 2048}),
    (ATTRIBUTES_FIELD, "JSON", {}),
    ("width_px", "INT32", {}),
    ("height_px", "INT32", {}),
)
RECORD_FIELDS = [name for name, _, _ in FIELDS]


def fields(row: Row) -> dict[str, Any]:
    """Return a row as Milvus keeps it."""
    version = row.record.version
    return {
        KEY_FIELD: encoding.key_text(row.record.key),
        "image_id": version.image_id,
        "generation": row.record.generation,
        "content_sha256": version.content_sha256,
        "uri": version.uri,
        ATTRIBUTES_FIELD: dict(version.attributes),
        "width_px": row.record.width_px,
        "height_px": row.record.height_px,
        VECTOR_FIELD: row.vector,
    }


def after(key: RowKey | None) -> str:
    """Return the expression of all rows whose keys sort after one, or of all."""
    return f"{KEY_FIELD} > {_spelt(encoding.key_text(key) if key else '')}"


def among(keys: Sequence[RowKey]) -> str:
    """Return the expression of the rows of these keys, which may be none of ours."""
    return f"{KEY_FIELD} in {_spelt([encoding.key_text(key) for key in keys])}"


def _spelt(value: str | list[str]) -> str:
    """Return text, or a list of it, as Milvus's expressions spell it: as JSON does."""
    return json.dumps(value, ensure_ascii=False)


def records(rows: Sequence[Mapping[str, Any]]) -> list[Record]:
    """Return what rows that were read with RECORD_FIELDS say of their images, by key."""
    return [encoding.row_record(row) for row in sorted(rows, key=lambda row: str(row[KEY_FIELD]))]


def distance(reported: float, metric: Metric) -> float:
    """Return the distance in [0, 2]: Milvus reports the square for L2 and the cosine for COSINE."""
    true = max(0.0, reported) ** 0.5 if metric is Metric.L2 else 1.0 - reported
    return float(min(2.0, max(0.0, true)))
