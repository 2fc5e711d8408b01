"""What happens around every call: a request id, a place among the calls in flight, a deadline, a status, a log line."""

from __future__ import annotations  # grpc's handler types can be subscripted by the type checker only

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, nullcontext
from typing import Any

import grpc
import structlog

from servicekit import deadline, errors, requests, status, telemetry
from servicekit.access import Access
from servicekit.admission import Admission
from servicekit.observer import Observer

Handler = Callable[[Any, grpc.aio.ServicerContext[Any, Any]], Any]
_OPEN_PREFIXES = ("/grpc.health.", "/grpc.reflection.")
_log = structlog.get_logger()


class CallInterceptor(grpc.aio.ServerInterceptor):
    """The one funnel: handlers raise errors, only this turns them into statuses.

    A handler takes one request or iterates over requests, and returns one response or yields responses. Health and
    reflection pass untouched, so that a full server still answers its probes.

    `stage` is what a call waits for where its handler does not say anything else; `admit` raises, by the name of a
    service, what its calls are refused with.
    """

    def __init__(
        self,
        admission: Admission,
        access: Access,
        observer: Observer,
        *,
        max_message_bytes: int,
        default_deadline_seconds: float,
        stage: str,
        admit: Mapping[str, Callable[[], None]],
    ) -> None:
        self._admission = admission
        self._access = access
        self._observer = observer
        self._max_message_bytes = max_message_bytes
        self._default_deadline = default_deadline_seconds
        self._stage = stage
        self._admit = admit

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Wrap the handler of the method called, whichever of the four kinds it is.

        Requests come in as a stream of bytes even where there is one: a call over the bound is then refused before its
        message is in memory, and bytes that are no message end in the funnel like any error.
        """
        handler: Any = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None:
            handler = grpc.stream_unary_rpc_method_handler(_no_such_method)
        elif method.startswith(_OPEN_PREFIXES):
            return handler  # type: ignore[no-any-return]
        if handler.response_streaming:
            return grpc.stream_stream_rpc_method_handler(self._streaming(method, handler))
        return grpc.stream_unary_rpc_method_handler(self._unary(method, handler))

    def _unary(self, method: str, handler: Any) -> Handler:
        run = handler.stream_unary or handler.unary_unary

        async def serve(_: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            async with self._call(method, context, handler), self._request(handler, context) as request:
                return handler.response_serializer(await run(request, context))

        return serve

    def _streaming(self, method: str, handler: Any) -> Handler:
        run = handler.stream_stream or handler.unary_stream

        # Not a generator: grpc drops those half-way when a caller goes, and what they hold is then let go too late.
        async def serve(_: AsyncIterator[bytes], context: grpc.aio.ServicerContext[Any, Any]) -> None:
            async with (
                self._call(method, context, handler),
                self._request(handler, context) as request,
                aclosing(run(request, context)) as responses,
            ):
                async for response in responses:
                    await _send(context, handler.response_serializer(response))

        return serve

    @asynccontextmanager
    async def _call(
        self, method: str, context: grpc.aio.ServicerContext[Any, Any], handler: Any
    ) -> AsyncIterator[None]:
        started = asyncio.get_running_loop().time()
        ended = grpc.StatusCode.CANCELLED
        metadata = dict(context.invocation_metadata() or ())
        exists = handler.stream_unary is not _no_such_method
        with (
            self._observer.call(method, metadata, exists=exists) as ending,
            telemetry.request(metadata) as request_id,
        ):
            try:
                self._access.require(method, context.invocation_metadata() or (), exists=exists)
                self._admit.get(method.strip("/").partition("/")[0], _always)()
                stream = handler.request_streaming or handler.response_streaming
                with self._admission.place(stream=stream):
                    async with self._limit(context, stream):
                        yield
                ended = grpc.StatusCode.OK
            except grpc.aio.AbortError:
                raise
            except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 every error of every handler ends here
                if _is_callers_doing(error):
                    raise asyncio.CancelledError from None
                public = _public(error, request_id, context)
                ending.reason = public.code_reason
                await _abort(context, public)
            finally:
                ending.code = (context.code() or ended).name
                elapsed_ms = round((asyncio.get_running_loop().time() - started) * 1000, 1)
                _log.info("call", method=method, code=ending.code, duration_ms=elapsed_ms)

    def _limit(self, context: grpc.aio.ServicerContext[Any, Any], stream: bool) -> AbstractAsyncContextManager[object]:
        """Hold the call to its caller's time, or to the default; a stream without a deadline may last."""
        given = context.time_remaining()
        if given is not None:
            return deadline.limit(deadline.of_callers(given), self._stage)
        return nullcontext() if stream else deadline.limit(self._default_deadline, self._stage)

    def _request(self, handler: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AbstractAsyncContextManager[Any]:
        return requests.of_call(handler, context, self._max_message_bytes)


def _always() -> None:
    """Admit."""


class _CallerGone(Exception):
    """There is nobody left to answer."""


def _is_callers_doing(error: BaseException) -> bool:
    """Tell a caller who went from a handler that lost something it was waiting for."""
    task = asyncio.current_task()
    cancelled = isinstance(error, asyncio.CancelledError) and task is not None and task.cancelling() > 0
    return cancelled or isinstance(error, _CallerGone)


async def _no_such_method(_requests: Any, _context: Any) -> Any:
    raise errors.Unimplemented("this server has no such method")


async def _send(context: grpc.aio.ServicerContext[Any, Any], response: bytes) -> None:
    try:
        await context.write(response)
    except grpc.aio.InternalError:
        raise _CallerGone from None


async def _abort(context: grpc.aio.ServicerContext[Any, Any], error: errors.ServiceError) -> None:
    packed = status.to_status(error)
    try:
        await context.abort(status.code_of(error), packed.message, status.trailing_metadata(packed, error))
    except grpc.aio.InternalError:
        raise asyncio.CancelledError from None


def _public(error: BaseException, request_id: str, context: grpc.aio.ServicerContext[Any, Any]) -> errors.ServiceError:
    if isinstance(error, errors.ServiceError):
        return error
    # Generated base classes set this code before they raise; anything else that is not implemented is a fault.
    if isinstance(error, NotImplementedError) and context.code() is grpc.StatusCode.UNIMPLEMENTED:
        return errors.Unimplemented("this release does not have this call")
    _log.error("unexpected error", exc_info=error)
    return errors.Internal(f"internal error; request id {request_id}", metadata={"request_id": request_id})
