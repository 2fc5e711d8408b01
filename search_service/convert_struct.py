"""JSON values of the API as Python's own."""

from typing import Any

from google.protobuf import struct_pb2


def plain(value: struct_pb2.Value) -> Any:
    """Return a JSON value as Python's own; a value that is not set is None."""
    match value.WhichOneof("kind"):
        case "struct_value":
            return {name: plain(field) for name, field in value.struct_value.fields.items()}
        case "list_value":
            return [plain(member) for member in value.list_value.values]
        case None | "null_value":
            return None
        case kind:
            return getattr(value, kind)
