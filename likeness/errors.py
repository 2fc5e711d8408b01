"""What a call to Likeness can end with, read from google.rpc details."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

_DETAILS_KEY = "grpc-status-details-bin"
_CODES = {code.value[0]: code for code in grpc.StatusCode}
M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Violation:
    """One field of the request that breaks its rule."""

    field: str
    description: str


class LikenessError(Exception):
    """A call, or one picture of it, that failed.

    Args:
        code: The gRPC code.
        reason: The server's word for it, such as IMAGE_UNDECODABLE; the code's name where the server sent none.
        message: A sentence for people.
        violations: The fields at fault, if any.
    """

    def __init__(
        self, code: grpc.StatusCode, reason: str, message: str, violations: tuple[Violation, ...] = ()
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.violations = violations


def from_status(status: status_pb2.Status) -> LikenessError:
    """Return the error that a google.rpc.Status describes."""
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    info = _detail(status, error_details_pb2.ErrorInfo)
    bad = _detail(status, error_details_pb2.BadRequest)
    violations = tuple(Violation(v.field, v.description) for v in bad.field_violations) if bad else ()
    return LikenessError(code, info.reason if info else code.name, status.message, violations)


def from_rpc_error(error: Any) -> LikenessError:
    """Return what a failed call means: the server's details, or else the transport's own words."""
    packed = dict(error.trailing_metadata() or ()).get(_DETAILS_KEY)
    if packed:
        return from_status(status_pb2.Status.FromString(packed))
    return LikenessError(error.code(), error.code().name, str(error.details() or "the call failed"))


def _detail(status: status_pb2.Status, kind: Callable[[], M]) -> M | None:
    message = kind()
    return message if any(detail.Unpack(message) for detail in status.details) else None
