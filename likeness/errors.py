"""What a call can end with, read from the details that travel beside a gRPC status."""

from collections.abc import Iterable, Mapping
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
        metadata: What else the server says about the reason, by name.
        retry_after_seconds: How long the server asks to wait before another attempt; None where it does not.
    """

    def __init__(
        self,
        code: str,
        reason: str,
        message: str,
        violations: Iterable[Violation] = (),
        *,
        metadata: Mapping[str, str] | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(f"{reason}: {message}")
        self.code = code
        self.reason = reason
        self.message = message
        self.violations = tuple(violations)
        self.metadata = dict(metadata or {})
        self.retry_after_seconds = retry_after_seconds

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle it whole, so that it comes out of another process as it was."""
        return LikenessError, (self.code, self.reason, self.message, self.violations), self.__dict__

    def of(self, subject: str) -> "LikenessError":
        """Return the same error, whose message says what it is about."""
        return LikenessError(self.code, self.reason, f"{subject}: {self.message}", self.violations)


def invalid_field(name: str, problem: str) -> LikenessError:
    """Return the error of an argument, or a part of one, with a value that it cannot have."""
    return LikenessError("INVALID_ARGUMENT", "INVALID_FIELD", f"{name}: {problem}", [Violation(name, problem)])


def closed() -> LikenessError:
    """Return the error of a call on a client that was closed."""
    return LikenessError("FAILED_PRECONDITION", "CLIENT_CLOSED", "the client is closed; make another")


def from_status(status: Any) -> LikenessError:
    """Return the error that a google.rpc.Status describes."""
    code = _CODES.get(status.code, "UNKNOWN")
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    for detail in status.details:
        # Unpack leaves the message alone where the detail is of another type.
        detail.Unpack(info)
        detail.Unpack(bad)
        detail.Unpack(retry)
    violations = [Violation(violation.field, violation.description) for violation in bad.field_violations]
    return LikenessError(
        code,
        info.reason or code,
        status.message,
        violations,
        metadata=info.metadata,
        retry_after_seconds=retry.retry_delay.ToTimedelta().total_seconds() if retry.HasField("retry_delay") else None,
    )


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
