"""The one place that spells errors as gRPC statuses, and reads them back."""

from collections.abc import Callable
from typing import TypeVar

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2

from servicekit import errors

M = TypeVar("M", bound=Message)

DOMAIN = "likeness"
DETAILS_KEY = "grpc-status-details-bin"
PUSHBACK_KEY = "grpc-retry-pushback-ms"

CODES: dict[type[errors.ServiceError], grpc.StatusCode] = {
    errors.InvalidArgument: grpc.StatusCode.INVALID_ARGUMENT,
    errors.NotFound: grpc.StatusCode.NOT_FOUND,
    errors.AlreadyExists: grpc.StatusCode.ALREADY_EXISTS,
    errors.PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    errors.FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Aborted: grpc.StatusCode.ABORTED,
    errors.Unimplemented: grpc.StatusCode.UNIMPLEMENTED,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.Internal: grpc.StatusCode.INTERNAL,
}
KINDS = {code.value[0]: kind for kind, code in CODES.items()}


def code_of(error: errors.ServiceError) -> grpc.StatusCode:
    """Return the code of the nearest kind among the error's ancestors."""
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), grpc.StatusCode.INTERNAL)


def to_status(error: errors.ServiceError) -> status_pb2.Status:
    """Return the error as a google.rpc.Status with its details."""
    status = status_pb2.Status(code=code_of(error).value[0], message=error.message)
    for detail in _details(error):
        status.details.add().Pack(detail)
    return status


def _details(error: errors.ServiceError) -> list[Message]:
    info = error_details_pb2.ErrorInfo(reason=error.code_reason, domain=DOMAIN, metadata=error.metadata)
    details: list[Message] = [info]
    if error.violations:
        violations = [
            error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
            for v in error.violations
        ]
        details.append(error_details_pb2.BadRequest(field_violations=violations))
    if error.resource:
        details.append(
            error_details_pb2.ResourceInfo(resource_type=error.resource.kind, resource_name=error.resource.name)
        )
    if error.retry_after_seconds is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(error.retry_after_seconds * 1000))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return details


def from_status(status: status_pb2.Status) -> errors.ServiceError:
    """Return the error that `to_status` made this status from; without our details, the nearest kind."""
    kind = KINDS.get(status.code, errors.Internal)
    known = {detail.TypeName(): detail for detail in status.details}
    info = _unpack(known, error_details_pb2.ErrorInfo)
    bad = _unpack(known, error_details_pb2.BadRequest)
    about = _unpack(known, error_details_pb2.ResourceInfo)
    retry = _unpack(known, error_details_pb2.RetryInfo)
    return kind(
        status.message,
        violations=[errors.Violation(v.field, v.description) for v in bad.field_violations] if bad else (),
        resource=errors.Resource(about.resource_type, about.resource_name) if about else None,
        metadata=dict(info.metadata) if info else None,
        retry_after_seconds=retry.retry_delay.ToMilliseconds() / 1000 if retry else None,
        reason=info.reason if info else None,
    )


def _unpack(known: dict[str, any_pb2.Any], kind: Callable[[], M]) -> M | None:
    message = kind()
    packed = known.get(message.DESCRIPTOR.full_name)
    if packed is None:
        return None
    packed.Unpack(message)
    return message


def from_rpc_error(error: grpc.aio.AioRpcError) -> errors.ServiceError:
    """Return what a failed call to another service means here.

    An error of ours keeps its reason and details. A bare transport status names addresses, so only its code is kept.
    """
    packed = dict(error.trailing_metadata() or ()).get(DETAILS_KEY)
    if isinstance(packed, bytes):
        return from_status(status_pb2.Status.FromString(packed))
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return errors.DeadlineExceeded("the deadline passed")
    if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED):
        return errors.BackendUnavailable("a service that this call needs does not answer", retry_after_seconds=1.0)
    return errors.Internal("a service that this call needs failed")


def trailing_metadata(status: status_pb2.Status, error: errors.ServiceError) -> tuple[tuple[str, str | bytes], ...]:
    """Return what travels beside the code: the details and, for overload, how long a retrying client should wait."""
    metadata: list[tuple[str, str | bytes]] = [(DETAILS_KEY, status.SerializeToString())]
    if error.retry_after_seconds is not None:
        metadata.append((PUSHBACK_KEY, str(round(error.retry_after_seconds * 1000))))
    return tuple(metadata)
