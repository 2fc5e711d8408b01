"""Images on their way into a collection."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from likeness.connection import MAX_MESSAGE_BYTES
from likeness.errors import LikenessError, invalid_field
from likeness.pictures import Picture, encoded
from likeness.v1 import image_search_pb2 as pb


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One image to index; without an id it is called by the SHA-256 of its bytes. Equal to itself alone.

    With `expected_update_time`, an `ImageRecord.update_time`, it is written only if the image was last written then:
    otherwise, and where there is no such image, its result has the error CONFLICT with the metadata `image: changed`.
    """

    picture: Picture
    image_id: str = ""
    uri: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)
    expected_update_time: datetime | None = None

    def message(self) -> pb.ImageEntry:
        """Return it encoded.

        Raises:
            LikenessError: the file is not there, the picture is none or too large, or a field is wrong.
        """
        entry = pb.ImageEntry()
        _set_text(entry, "image_id", self.image_id)
        _set_text(entry, "uri", self.uri)
        entry.image.content = encoded(self.picture)
        _set_attributes(entry, self.attributes)
        if self.expected_update_time is not None:
            _set_expected(entry, self.expected_update_time)
        return entry


def require_entry(name: str, entry: Any) -> Entry:
    """Return what must be an Entry.

    Raises:
        TypeError: it is something else.
    """
    if not isinstance(entry, Entry):
        raise TypeError(f"{name} must be an Entry, not a {type(entry).__name__}")
    return entry


def require_sendable(request: Any) -> None:
    """Refuse a message that gRPC would not send.

    Raises:
        LikenessError: MESSAGE_TOO_LARGE.
    """
    if (size := request.ByteSize()) > MAX_MESSAGE_BYTES:
        message = f"the request has {size:,} bytes, and the limit is {MAX_MESSAGE_BYTES:,}"
        raise LikenessError("INVALID_ARGUMENT", "MESSAGE_TOO_LARGE", message)


def _set_text(entry: pb.ImageEntry, name: str, value: Any) -> None:
    try:
        if value is not None:
            setattr(entry, name, value)
    except (TypeError, ValueError):
        raise invalid_field(name, "must be text that UTF-8 can write") from None


def _set_expected(entry: pb.ImageEntry, time: Any) -> None:
    if not isinstance(time, datetime) or time.utcoffset() is None:
        raise invalid_field(
            "expected_update_time", "must be a datetime with a time zone, as ImageRecord.update_time is"
        )
    try:
        entry.expected_update_time.FromDatetime(time)
    except (OverflowError, ValueError):
        raise invalid_field("expected_update_time", f"{time} is no time of the years 1 to 9999 in UTC") from None


def _set_attributes(entry: pb.ImageEntry, attributes: Any) -> None:
    if not isinstance(attributes, Mapping):
        raise invalid_field("attributes", f"a {type(attributes).__name__} is no mapping")
    for name, value in attributes.items():
        try:
            entry.attributes[name] = value
        except (AttributeError, RecursionError, TypeError, ValueError):
            problem = f"cannot be sent; names are text, and values JSON, not a {type(value).__name__} of this kind"
            raise invalid_field(f"attributes[{name!r}]", problem) from None
