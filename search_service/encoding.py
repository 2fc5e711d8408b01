"""Collections, records and answers as the text that Redis keeps, and the fields that Milvus keeps."""

import base64
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from search_service.values import Attributes, Binding, Collection, IndexSpec, Kept, Metric, Record, RowKey, Version

# Tag, length and number of one value, with its entry in a list or a map.
_VALUE_BYTES = 16


def collection_text(collection: Collection) -> str:
    """Return a collection as JSON."""
    return json.dumps({**asdict(collection), "metric": collection.metric.value}, separators=(",", ":"))


def collection(text: str) -> Collection:
    """Return the collection that `collection_text` wrote."""
    fields = json.loads(text)
    fields["metric"] = Metric(fields["metric"])
    fields["index"] = IndexSpec(**fields["index"])
    fields["bindings"] = tuple(Binding(**binding) for binding in fields["bindings"])
    return Collection(**fields)


def attributes_text(attributes: Attributes) -> str:
    """Return attributes as JSON that is the same text for the same content."""
    return json.dumps(attributes, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def message_bytes(value: Any) -> int:
    """Return at least as many bytes as a JSON value takes as a google.protobuf.Value."""
    if isinstance(value, Mapping):
        return _VALUE_BYTES + sum(_VALUE_BYTES + len(name.encode()) + message_bytes(v) for name, v in value.items())
    if isinstance(value, list):
        return _VALUE_BYTES + sum(map(message_bytes, value))
    return _VALUE_BYTES + (len(value.encode()) if isinstance(value, str) else 0)


def record_body(record: Record) -> str:
    """Return the part of a record that its writer decides, as JSON. The scripts read the first two fields of it."""
    version = record.version
    fields: dict[str, Any] = {
        "sha256": version.content_sha256,
        "spaces": " ".join(record.spaces),
        "uri": version.uri,
        "attributes": version.attributes,
        "size": [record.width_px, record.height_px],
    }
    if record.write_id:
        fields["write"] = record.write_id
    return json.dumps(fields, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def record(image_id: str, text: str) -> Record:
    """Return the record that Redis keeps as `generation|create_ms|update_ms|body`."""
    generation, create_ms, update_ms, body = text.split("|", 3)
    fields = json.loads(body)
    version = Version(image_id, fields["sha256"], fields["uri"], fields["attributes"])
    width_px, height_px = fields["size"]
    spaces = tuple(fields["spaces"].split())
    times = (int(create_ms), int(update_ms))
    return Record(version, width_px, height_px, int(generation), *times, spaces, fields.get("write", ""))


def row_record(fields: Mapping[str, Any]) -> Record:
    """Return what the fields of a row in Milvus say of its image."""
    version = Version(fields["image_id"], fields["content_sha256"], fields["uri"], fields["attributes"])
    return Record(version, fields["width_px"], fields["height_px"], fields["generation"])


def key_text(key: RowKey) -> str:
    """Return a row's key as text; `#` stands in no image id."""
    return f"{key.image_id}#{key.generation}"


def key(text: str) -> RowKey:
    """Return the key that `key_text` wrote."""
    image_id, generation = text.rsplit("#", 1)
    return RowKey(image_id, int(generation))


def kept_text(kept: Kept) -> str:
    """Return an answer with the request that it is about, as text."""
    return f"{kept.body_sha256}|{base64.b64encode(kept.answer).decode()}"


def kept(text: str) -> Kept:
    """Return the answer that `kept_text` wrote."""
    body_sha256, answer = text.split("|")
    return Kept(body_sha256, base64.b64decode(answer))
