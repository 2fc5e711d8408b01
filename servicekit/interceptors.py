"""What happens around every call: a request id, a place among the calls in flight, a deadline, a status, a log line."""

from __future__ import annotations  # grpc's handler types can be subscripted by the type checker only

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc
import structlog

from servicekit import deadline, errors, status, telemetry

Handler = Callable[[Any, grpc.aio.ServicerContext[Any, Any]], Any]
_OPEN_PREFIXES = ("/grpc.health.", "/grpc.reflection.")
_RETRY_AFTER_SECONDS = 0.5
_log = structlog.get_logger()


class CallInterceptor(grpc.aio.ServerInterceptor):
    """The one funnel: handlers raise errors, only this turns them into statuses.

    Health and reflection pass untouched, so that a full server still answers its probes.
    """

    def __init__(self, *, max_in_flight: int, default_deadline_seconds: float) -> None:
        self._max_in_flight = max_in_flight
        self._default_deadline = default_deadline_seconds
        self._in_flight = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def idle(self) -> None:
        """Return once no call is being served."""
        await self._idle.wait()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[grpc.RpcMethodHandler[Any, Any] | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> grpc.RpcMethodHandler[Any, Any] | None:
        """Wrap the handler of the method called, whichever of the four kinds it is."""
        handler: Any = await continuation(handler_call_details)
        method = handler_call_details.method
        if handler is None or method.startswith(_OPEN_PREFIXES):
            return handler  # type: ignore[no-any-return]
        if handler.response_streaming:
            kind = "stream_stream" if handler.request_streaming else "unary_stream"
            wrapped = self._streaming(method, getattr(handler, kind))
        else:
            kind = "stream_unary" if handler.request_streaming else "unary_unary"
            wrapped = self._unary(method, getattr(handler, kind))
        make = getattr(grpc, f"{kind}_rpc_method_handler")
        return make(wrapped, handler.request_deserializer, handler.response_serializer)  # type: ignore[no-any-return]

    def _unary(self, method: str, handler: Handler) -> Handler:
        async def serve(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            async with self._call(method, context):
                return await handler(request, context)

        return serve

    def _streaming(self, method: str, handler: Handler) -> Handler:
        async def serve(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[Any]:
            async with self._call(method, context):
                async for response in handler(request, context):
                    yield response

        return serve

    @asynccontextmanager
    async def _call(self, method: str, context: grpc.aio.ServicerContext[Any, Any]) -> AsyncIterator[None]:
        metadata = dict(context.invocation_metadata() or ())
        started = asyncio.get_running_loop().time()
        code = grpc.StatusCode.CANCELLED
        with telemetry.request(metadata) as request_id:
            try:
                async with self._admitted(), deadline.limit(self._seconds(context)):
                    yield
                code = grpc.StatusCode.OK
            except (asyncio.CancelledError, grpc.aio.AbortError, GeneratorExit):
                raise
            except Exception as error:  # noqa: BLE001 the funnel: every error of every handler ends here
                known = _public(error, request_id)
                code = status.code_of(known)
                await _abort(context, known)
            finally:
                elapsed_ms = round((asyncio.get_running_loop().time() - started) * 1000, 1)
                _log.info("call", method=method, code=code.name, duration_ms=elapsed_ms)

    @asynccontextmanager
    async def _admitted(self) -> AsyncIterator[None]:
        if self._in_flight >= self._max_in_flight:
            raise errors.Overloaded(
                f"{self._in_flight} calls are being served already", retry_after_seconds=_RETRY_AFTER_SECONDS
            )
        self._in_flight += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._in_flight -= 1
            if not self._in_flight:
                self._idle.set()

    def _seconds(self, context: grpc.aio.ServicerContext[Any, Any]) -> float:
        given = context.time_remaining()
        return self._default_deadline if given is None else given


def _public(error: Exception, request_id: str) -> errors.ServiceError:
    if isinstance(error, errors.ServiceError):
        return error
    if isinstance(error, NotImplementedError):
        return errors.Unimplemented("this release does not have this call")
    _log.error("unexpected error", exc_info=error)
    return errors.Internal(f"internal error; request id {request_id}", metadata={"request_id": request_id})


async def _abort(context: grpc.aio.ServicerContext[Any, Any], error: errors.ServiceError) -> None:
    packed = status.to_status(error)
    await context.abort(status.code_of(error), error.message, status.trailing_metadata(packed, error))
