"""What the errors of Milvus mean: pymilvus has two kinds of exception, and gRPC its own."""

import grpc
from pymilvus import MilvusException
from pymilvus.exceptions import DataNotMatchException, ParamError

from search_service.ports import CollectionNotFound
from servicekit.errors import BackendUnavailable, ServiceError

NOT_LOADED = 101
_NOT_FOUND = 100
# A request that makes no sense to Milvus: an invalid parameter, Milvus Lite's failed plan, and gRPC's own codes.
_FAULTS = {1100, 2000, grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.UNIMPLEMENTED}
_RETRY_AFTER_SECONDS = 1.0


def unavailable() -> BackendUnavailable:
    """Return the error that Milvus does not answer."""
    return BackendUnavailable("the vector store does not answer", retry_after_seconds=_RETRY_AFTER_SECONDS)


def problem(error: MilvusException | grpc.RpcError) -> ServiceError | None:
    """Return what either kind of exception means to a caller; None for a fault of ours."""
    # The code of a MilvusException is a number, or gRPC's own; that of an RpcError is a method.
    code = error.code() if isinstance(error, grpc.RpcError) else error.code
    if code == _NOT_FOUND:
        return CollectionNotFound("the collection was deleted")
    if isinstance(error, ParamError | DataNotMatchException) or code in _FAULTS:
        return None
    return unavailable()


def reason(error: BaseException) -> str:
    """Return what stands at the root of an error, for the log."""
    # pymilvus raises errors from themselves.
    while error.__cause__ is not None and error.__cause__ is not error:
        error = error.__cause__
    return f"{error.code().name}: {error.details()}" if isinstance(error, grpc.RpcError) else repr(error)
