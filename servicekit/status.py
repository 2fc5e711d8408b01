"""The one place that spells errors as gRPC statuses, and reads them back."""

from collections.abc import Callable, Sequence
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
    errors.Unauthenticated: grpc.StatusCode.UNAUTHENTICATED,
    errors.PermissionDenied: grpc.StatusCode.PERMISSION_DENIED,
    errors.FailedPrecondition: grpc.StatusCode.FAILED_PRECONDITION,
    errors.Aborted: grpc.StatusCode.ABORTED,
    errors.Unimplemented: grpc.StatusCode.UNIMPLEMENTED,
    errors.DeadlineExceeded: grpc.StatusCode.DEADLINE_EXCEEDED,
    errors.Unavailable: grpc.StatusCode.UNAVAILABLE,
    errors.Internal: grpc.StatusCode.INTERNAL,
}
KINDS = {code.value[0]: kind for kind, code in CODES.items()}

# Clients refuse more than 8 KiB of metadata, and would then see that instead of our error. The message counts twice: in
# the details, and beside them with up to three bytes for each of its own.
_MAX_MESSAGE_BYTES = 768
_MAX_VALUE_BYTES = 256
_MAX_VIOLATIONS_BYTES = 1536


def code_of(error: errors.ServiceError) -> grpc.StatusCode:
    """Return the code of the nearest kind among the error's ancestors."""
    return next((CODES[kind] for kind in type(error).__mro__ if kind in CODES), grpc.StatusCode.INTERNAL)


def to_status(error: errors.ServiceError) -> status_pb2.Status:
    """Return the error as a google.rpc.Status with its details, cut to what fits into a call's metadata."""
    status = status_pb2.Status(code=code_of(error).value[0], message=_cut(error.message, _MAX_MESSAGE_BYTES))
    for detail in _details(error):
        status.details.add().Pack(detail)
    return status


def _details(error: errors.ServiceError) -> list[Message]:
    metadata = {key: _cut(value, _MAX_VALUE_BYTES) for key, value in error.metadata.items()}
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=error.code_reason, domain=DOMAIN, metadata=metadata)]
    if error.violations:
        details.append(_bad_request(error.violations))
    if error.resource:
        name = _cut(error.resource.name, _MAX_VALUE_BYTES)
        details.append(error_details_pb2.ResourceInfo(resource_type=error.resource.kind, resource_name=name))
    if error.retry_after_seconds is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(error.retry_after_seconds * 1000))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return details


def _bad_request(violations: Sequence[errors.Violation]) -> error_details_pb2.BadRequest:
    bad = error_details_pb2.BadRequest()
    for violation in violations:
        field, description = _cut(violation.field, _MAX_VALUE_BYTES), _cut(violation.description, _MAX_VALUE_BYTES)
        bad.field_violations.add(field=field, description=description)
        if bad.ByteSize() > _MAX_VIOLATIONS_BYTES:
            del bad.field_violations[-1]
            break
    return bad


def _cut(text: str, max_bytes: int) -> str:
    return text.encode()[:max_bytes].decode(errors="ignore")


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


def from_rpc_error(error: grpc.aio.AioRpcError, stage: str) -> errors.ServiceError:
    """Return what a failed call to another service, made in `stage`, means here.

    An error of ours keeps its reason and details. A bare transport status names addresses, so only its code is kept.
    """
    packed = dict(error.trailing_metadata() or ()).get(DETAILS_KEY)
    if isinstance(packed, bytes):
        return from_status(status_pb2.Status.FromString(packed))
    if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
        return errors.DeadlineExceeded(f"the deadline passed in stage {stage}", metadata={"stage": stage})
    # CANCELLED: not by us, who would not be here then; the server was stopped over a call that outlasted its grace.
    if error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        return errors.BackendUnavailable("a service that this call needs does not answer")
    if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
        # Sizes are the one thing that our servers leave to the transport; the same request never gets through.
        return errors.MessageTooLarge("the request, or its answer, is too large to be passed on; ask for less at once")
    return errors.Internal("a service that this call needs failed")


def has_details(error: grpc.aio.AioRpcError) -> bool:
    """Say whether an error is of a server of ours, and not of the way to it."""
    return DETAILS_KEY in dict(error.trailing_metadata() or ())


def pushback_seconds(error: grpc.aio.AioRpcError) -> float | None:
    """Return how long the server that failed asks to be left alone; None if it says nothing that can be read."""
    given = dict(error.trailing_metadata() or ()).get(PUSHBACK_KEY)
    return int(given) / 1000 if isinstance(given, str) and given.isdecimal() else None


def trailing_metadata(status: status_pb2.Status, error: errors.ServiceError) -> tuple[tuple[str, str | bytes], ...]:
    """Return what travels beside the code: the details and, for overload, how long a retrying client should wait."""
    metadata: list[tuple[str, str | bytes]] = [(DETAILS_KEY, status.SerializeToString())]
    if error.retry_after_seconds is not None:
        metadata.append((PUSHBACK_KEY, str(round(error.retry_after_seconds * 1000))))
    return tuple(metadata)
