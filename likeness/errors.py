"""What a call can end with, read from the details that travel beside a gRPC status."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

_DETAILS_KEY = "grpc-status-details-bin"
_CODES = {code.value[0]: code.name for code in grpc.StatusCode}


@dataclass(frozen=True, slots=True)
class Violation:
    """One field of the request that broke its rule."""

    field: str
    description: str


class LikenessError(Exception):
    """Why a call failed, or why one image of a batch did.

    Attributes:
        code: Name of the gRPC code, such as `NOT_FOUND`.
        reason: What a program can act on, such as `COLLECTION_NOT_FOUND`; the code where there is nothing finer.
        message: The same for people.
        violations: The fields that broke their rules.
    """

    def __init__(self, code: str, reason: str, message: str, violations: Iterable[Violation] = ()) -> None:
        super().__init__(f"{reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.violations = tuple(violations)


def from_status(status: Any) -> LikenessError:
    """Return the error that a google.rpc.Status describes."""
    code = _CODES.get(status.code, "UNKNOWN")
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    for detail in status.details:
        # Unpack leaves the message alone where the detail is of another type.
        detail.Unpack(info)
        detail.Unpack(bad)
    violations = [Violation(violation.field, violation.description) for violation in bad.field_violations]
    return LikenessError(code, info.reason or code, status.message, violations)


def from_rpc_error(error: grpc.RpcError) -> LikenessError:
    """Return the error that ended a call; without details, what its bare status says."""
    call: Any = error
    packed = dict(call.trailing_metadata() or ()).get(_DETAILS_KEY)
    if isinstance(packed, bytes):
        try:
            return from_status(status_pb2.Status.FromString(packed))
        except DecodeError:
            pass
    code = call.code().name
    return LikenessError(code, code, call.details() or "the call failed without a message")
