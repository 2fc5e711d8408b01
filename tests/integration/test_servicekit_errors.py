"""The error funnel, over real connections, for all four kinds of call."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest

from likeness.v1 import embedder_pb2, embedder_pb2_grpc
from servicekit import errors
from tests.integration import servicekit_probe as probe
from tests.integration.servicekit_probe import CALLS, ProbeSettings
from tests.serving import Serving

Serve = Callable[..., Awaitable[Serving]]
Call = Callable[..., Awaitable[list[str]]]
every_kind = pytest.mark.parametrize("call", CALLS)

# Every kind, and the code that the contract gives it.
KINDS = [
    (errors.InvalidArgument, grpc.StatusCode.INVALID_ARGUMENT),
    (errors.NotFound, grpc.StatusCode.NOT_FOUND),
    (errors.AlreadyExists, grpc.StatusCode.ALREADY_EXISTS),
    (errors.PermissionDenied, grpc.StatusCode.PERMISSION_DENIED),
    (errors.FailedPrecondition, grpc.StatusCode.FAILED_PRECONDITION),
    (errors.Aborted, grpc.StatusCode.ABORTED),
    (errors.Unimplemented, grpc.StatusCode.UNIMPLEMENTED),
    (errors.DeadlineExceeded, grpc.StatusCode.DEADLINE_EXCEEDED),
    (errors.Unavailable, grpc.StatusCode.UNAVAILABLE),
    (errors.Internal, grpc.StatusCode.INTERNAL),
]


class Script:
    """Raises, for each call, the error that stands first."""

    def __init__(self) -> None:
        self.error: BaseException | None = None

    async def __call__(self, *_: object) -> None:
        if self.error is not None:
            raise self.error


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
async def channel(serve: Serve, script: Script) -> AsyncIterator[grpc.aio.Channel]:
    running = await serve(probe.build_with(script), ProbeSettings())
    async with grpc.aio.insecure_channel(running.address) as opened:
        yield opened


async def refusal(call: Awaitable[object]) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value


@every_kind
async def test_an_answer_passes(channel: grpc.aio.Channel, call: Call) -> None:
    assert await call(channel, "cat") == ["cat"]


@every_kind
async def test_each_kind_of_error_becomes_its_code(channel: grpc.aio.Channel, script: Script, call: Call) -> None:
    for kind, code in KINDS:
        script.error = kind("in so many words")
        error = await refusal(call(channel, "cat"))
        assert (error.code(), error.details()) == (code, "in so many words")
        assert probe.info(error).reason == kind.reason


@every_kind
async def test_details_reach_the_caller(channel: grpc.aio.Channel, script: Script, call: Call) -> None:
    script.error = errors.Overloaded(
        "full",
        violations=[errors.Violation("entries[3].image.content", "over 20 MiB")],
        resource=errors.Resource("collection", "pets"),
        metadata={"limit": "64"},
        retry_after_seconds=0.25,
    )
    error = await refusal(call(channel, "cat"))
    details: dict[str, Any] = probe.details(error)
    assert (details["ErrorInfo"].domain, details["ErrorInfo"].reason) == ("likeness", "OVERLOADED")
    assert details["ErrorInfo"].metadata == {"limit": "64"}
    violation = details["BadRequest"].field_violations[0]
    assert (violation.field, violation.description) == ("entries[3].image.content", "over 20 MiB")
    assert details["ResourceInfo"].resource_name == "pets"
    assert details["RetryInfo"].retry_delay.ToMilliseconds() == 250
    assert ("grpc-retry-pushback-ms", "250") in list(error.trailing_metadata() or ())


@every_kind
async def test_a_fault_says_nothing_but_its_request_id(channel: grpc.aio.Channel, script: Script, call: Call) -> None:
    script.error = RuntimeError("redis://user:secret@10.0.0.7 in /etc/passwd")
    error = await refusal(call(channel, "cat", metadata=(("x-request-id", "order-7"),)))
    assert error.code() is grpc.StatusCode.INTERNAL
    assert error.details() == "internal error; request id order-7"
    assert probe.info(error).reason == "INTERNAL"
    assert probe.info(error).metadata == {"request_id": "order-7"}
    seen = repr(error) + repr(error.trailing_metadata())
    assert not re.search("secret|10.0.0.7|passwd|RuntimeError", seen)


@every_kind
@pytest.mark.parametrize("lost", [asyncio.CancelledError(), TimeoutError("a disk"), NotImplementedError("a corner")])
async def test_an_error_that_looks_like_the_callers_doing_is_a_fault(
    channel: grpc.aio.Channel, script: Script, call: Call, lost: BaseException
) -> None:
    """Nobody cancelled, the deadline is far and the method exists: the caller gets an answer all the same."""
    script.error = lost
    assert (await refusal(call(channel, "cat", timeout=5))).code() is grpc.StatusCode.INTERNAL


@every_kind
async def test_an_error_too_long_for_metadata_still_arrives(
    channel: grpc.aio.Channel, script: Script, call: Call
) -> None:
    violations = [errors.Violation(f"entries[{i}].image_id", "é" * 200) for i in range(64)]
    script.error = errors.NotFound("é" * 20_000, violations=violations, resource=errors.Resource("image", "x" * 9000))
    error = await refusal(call(channel, "cat"))
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert probe.info(error).reason == "NOT_FOUND"


@every_kind
async def test_a_deliberate_abort_stays_as_it_is(serve: Serve, call: Call) -> None:
    async def abort(_: str, context: Any) -> None:
        await context.abort(grpc.StatusCode.DATA_LOSS, "on purpose")

    running = await serve(probe.build_with(abort), ProbeSettings())
    async with grpc.aio.insecure_channel(running.address) as channel:
        error = await refusal(call(channel, "cat"))
    assert (error.code(), error.details()) == (grpc.StatusCode.DATA_LOSS, "on purpose")
    assert not error.trailing_metadata()


async def test_an_answer_of_the_wrong_type_is_a_fault(serve: Serve) -> None:
    async def answer(*_: object) -> str:
        return "no message"

    running = await serve(probe.build_with(answer), ProbeSettings())
    async with grpc.aio.insecure_channel(running.address) as channel:
        error = await refusal(probe.unary_unary(channel, "cat"))
    assert error.code() is grpc.StatusCode.INTERNAL
    assert "internal error" in str(error.details())


async def test_a_generated_method_that_nobody_wrote_is_unimplemented(channel: grpc.aio.Channel) -> None:
    stub: Any = embedder_pb2_grpc.EmbedderServiceStub(channel)
    error = await refusal(stub.ListModels(embedder_pb2.ListModelsRequest()))
    assert error.code() is grpc.StatusCode.UNIMPLEMENTED
    assert probe.info(error).reason == "UNIMPLEMENTED"


@pytest.mark.parametrize(
    "method",
    [
        f"/{probe.EMBEDDER}/GetModel",
        f"/{probe.EMBEDDER}/StreamEmbed",
        f"/{probe.IMAGE_SEARCH}/FindDuplicates",
        f"/{probe.COLLECTOR}/Collect",
    ],
)
async def test_bytes_that_are_no_message_are_the_callers_mistake(channel: grpc.aio.Channel, method: str) -> None:
    raw: Any = channel.unary_unary(method)
    error = await refusal(raw(b"\xff\xff\xff"))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert probe.info(error).reason == "MALFORMED_REQUEST"
    assert "Decode" not in str(error.details())


async def test_a_call_without_its_request_is_the_callers_mistake(channel: grpc.aio.Channel) -> None:
    error = await refusal(channel.stream_unary(f"/{probe.EMBEDDER}/GetModel")(iter([])))
    assert (error.code(), error.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "the call carries no request")
    assert probe.info(error).reason == "MALFORMED_REQUEST"


NO_METHODS = [f"/{probe.EMBEDDER}/NoSuchMethod", "/likeness.v1.NoSuchService/GetModel", "/grpc.health.v1.Health/Nope"]


async def ended(call: Any) -> grpc.aio.AioRpcError:
    """Return the error of a call that answers with a stream."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    return caught.value


@pytest.mark.parametrize("method", NO_METHODS)
async def test_a_method_that_does_not_exist_is_unimplemented(channel: grpc.aio.Channel, method: str) -> None:
    raw: Any = channel
    found = [
        await refusal(raw.unary_unary(method)(b"\xff")),
        await ended(raw.unary_stream(method)(b"\xff")),
        await refusal(raw.stream_unary(method)(iter([b"\xff"]))),
        await ended(raw.stream_stream(method)(iter([b"\xff"]))),
    ]
    assert {error.code() for error in found} == {grpc.StatusCode.UNIMPLEMENTED}
    assert {probe.info(error).reason for error in found} == {"UNIMPLEMENTED"}
