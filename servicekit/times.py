"""Times in requests."""

from google.protobuf.timestamp_pb2 import Timestamp

from servicekit.errors import InvalidField, invalid_field

# From the year 1 to the year 9999, as google.protobuf.Timestamp says.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799
_NANOS = 1_000_000_000


def problem_of(field: str, time: Timestamp) -> InvalidField | None:
    """Return what is wrong with a time at `field`, if anything is: gRPC lets every number through."""
    if _FIRST_SECOND <= time.seconds <= _LAST_SECOND and 0 <= time.nanos < _NANOS:
        return None
    return invalid_field(field, "is no time between the years 1 and 9999, or its nanos are not in [0, 999999999]")
