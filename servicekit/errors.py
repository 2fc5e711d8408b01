"""What can go wrong, in words that know nothing of gRPC.

    ServiceError
    ├── InvalidArgument     ├── InvalidField  ├── MalformedRequest  └── MessageTooLarge
    ├── NotFound
    ├── AlreadyExists
    ├── Unauthenticated
    ├── PermissionDenied
    ├── FailedPrecondition
    ├── Aborted
    ├── Unimplemented
    ├── DeadlineExceeded
    ├── Unavailable         ├── Overloaded  ├── Draining  └── BackendUnavailable
    └── Internal

A service subclasses a kind and sets `reason`; `servicekit.status` spells kinds as gRPC codes.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Violation:
    """One field that broke its rule."""

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Resource:
    """The thing an error is about."""

    kind: str
    name: str


class ServiceError(Exception):
    """Base of every error that a caller may see. Its message is written for that caller and names nothing internal."""

    reason: ClassVar[str] = "INTERNAL"
    default_retry_after_seconds: ClassVar[float | None] = None

    def __init__(
        self,
        message: str,
        *,
        violations: Sequence[Violation] = (),
        resource: Resource | None = None,
        metadata: Mapping[str, str] | None = None,
        retry_after_seconds: float | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.violations = tuple(violations)
        self.resource = resource
        self.metadata = dict(metadata or {})
        self.retry_after_seconds = (
            self.default_retry_after_seconds if retry_after_seconds is None else retry_after_seconds
        )
        self.code_reason = reason or type(self).reason

    def relocated(self, path: str, to: str) -> "ServiceError":
        """Return the same error with the field `path` of another message called `to`, as this caller knows it."""

        def moved(text: str) -> str:
            return to + text.removeprefix(path) if text.startswith(path) else text

        return type(self)(
            moved(self.message),
            violations=[Violation(moved(v.field), v.description) for v in self.violations],
            resource=self.resource,
            metadata=self.metadata,
            retry_after_seconds=self.retry_after_seconds,
            reason=self.code_reason,
        )


class InvalidArgument(ServiceError):
    """The request is wrong, and would be wrong at any time."""

    reason = "INVALID_ARGUMENT"


class InvalidField(InvalidArgument):
    """One field of the request breaks its rule."""

    reason = "INVALID_FIELD"


class MalformedRequest(InvalidArgument):
    """There is no request in the call, or its bytes are no message that the method takes."""

    reason = "MALFORMED_REQUEST"


class MessageTooLarge(InvalidArgument):
    """The request, or what it becomes on its way, has more bytes than one message may have."""

    reason = "MESSAGE_TOO_LARGE"


def invalid_field(field: str, description: str) -> InvalidField:
    """Return the error that `field` breaks the rule that `description` states."""
    return InvalidField(f"{field}: {description}", violations=[Violation(field, description)])


class NotFound(ServiceError):
    """The thing named is not there."""

    reason = "NOT_FOUND"


class AlreadyExists(ServiceError):
    """The thing to be made is there."""

    reason = "ALREADY_EXISTS"


class Unauthenticated(ServiceError):
    """The caller does not say who it is, or not so that it can be believed."""

    reason = "UNAUTHENTICATED"


class PermissionDenied(ServiceError):
    """The caller may not do this."""

    reason = "PERMISSION_DENIED"


class FailedPrecondition(ServiceError):
    """The state of the system forbids this until somebody changes it."""

    reason = "FAILED_PRECONDITION"


class Aborted(ServiceError):
    """Another caller got in between; trying again may succeed."""

    reason = "ABORTED"


class Unimplemented(ServiceError):
    """This release does not have it."""

    reason = "UNIMPLEMENTED"


class DeadlineExceeded(ServiceError):
    """The caller's time is over, or too little of it is left."""

    reason = "DEADLINE_EXCEEDED"


class Unavailable(ServiceError):
    """Not now; the very same request may succeed later."""

    reason = "BACKEND_UNAVAILABLE"
    default_retry_after_seconds = 1.0


class Overloaded(Unavailable):
    """Too much is waiting already."""

    reason = "OVERLOADED"


class Draining(Unavailable):
    """This server is going; another one will answer."""

    reason = "DRAINING"


class BackendUnavailable(Unavailable):
    """A part that this needs does not answer."""


class Internal(ServiceError):
    """A fault of ours."""
