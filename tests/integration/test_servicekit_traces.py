"""Where a call stands in a trace, and what a collector is sent of it."""

import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from typing import Any

import grpc
import pytest

from likeness.v1 import embedder_pb2, embedder_pb2_grpc
from servicekit import channel, spans, tracing
from servicekit.errors import NotFound
from servicekit.tracing import Tracer
from tests.integration import servicekit_probe as probe
from tests.integration.servicekit_probe import ProbeSettings
from tests.otlp_collector import Collector, Span, collector
from tests.serving import Serving

Serve = Callable[..., Awaitable[Serving]]
CANARY = "canary-9e1b"
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED = (("traceparent", f"00-{TRACE}-{PARENT}-01"),)
GET_MODEL = "likeness.v1.EmbedderService/GetModel"


@pytest.fixture
def receiver() -> Iterator[Collector]:
    with collector() as running:
        yield running


@pytest.fixture
def opened(receiver: Collector, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Tracer]]:
    """Opens tracers as services do, from the environment."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.address)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
    with ExitStack() as stack:
        yield lambda service: stack.enter_context(tracing.opened(service))


async def test_a_call_and_its_steps_are_one_tree_that_begins_where_the_caller_is(
    serve: Serve, receiver: Collector, opened: Callable[[str], Tracer]
) -> None:
    async def behave(*_: object) -> None:
        with spans.step("outer", outward=True), spans.step("inner", model="colour"):
            began = time.monotonic()
            spans.past("queue", began - 2, began - 1)

    running = await serve(probe.build_with(behave), ProbeSettings(), opened("likeness-probe"))
    async with grpc.aio.insecure_channel(running.address) as to:
        await probe.unary_unary(to, "x", metadata=SAMPLED)
    found = {span.name: span for span in receiver.wait(lambda sent: len(sent) == 4)}
    call, outer, inner, queue = (found[name] for name in (GET_MODEL, "outer", "inner", "queue"))
    assert {span.trace_id for span in found.values()} == {TRACE}
    assert (call.parent, outer.parent, inner.parent, queue.parent) == (
        PARENT,
        call.span_id,
        outer.span_id,
        inner.span_id,
    )
    assert (call.service, call.kind, outer.kind, inner.kind) == ("likeness-probe", 2, 3, 1)
    assert inner.attributes == {"model": "colour"}
    assert call.attributes["rpc.grpc.status_code"] == 0
    assert queue.ended_ns - queue.began_ns == pytest.approx(1e9, rel=1e-3)
    assert abs(queue.ended_ns - inner.began_ns + 1e9) < 5e8


async def test_a_trace_goes_on_through_a_call_to_another_service(
    serve: Serve, receiver: Collector, opened: Callable[[str], Tracer]
) -> None:
    behind = await serve(probe.build_with(probe.nothing), ProbeSettings(), opened("likeness-behind"))
    async with channel.connect(behind.address, max_message_bytes=2**20) as connection:
        stub: Any = embedder_pb2_grpc.EmbedderServiceStub(connection)

        async def ask(*_: object) -> Any:
            with spans.step("behind ask", outward=True):
                return await channel.call(stub.GetModel, embedder_pb2.GetModelRequest(name="x"), stage="behind")

        front = await serve(probe.build_with(ask), ProbeSettings(), opened("likeness-front"))
        async with grpc.aio.insecure_channel(front.address) as to:
            await probe.unary_unary(to, "x")
    sent = receiver.wait(lambda sent: len(sent) == 3)
    (root,) = [span for span in sent if not span.parent]
    (step,) = [span for span in sent if span.parent == root.span_id]
    (last,) = [span for span in sent if span.parent == step.span_id]
    assert (root.service, step.name, last.service) == ("likeness-front", "behind ask", "likeness-behind")
    assert len({span.trace_id for span in sent}) == 1


async def test_what_fails_is_marked_with_its_reason_and_nothing_that_a_caller_sent(
    serve: Serve, receiver: Collector, opened: Callable[[str], Tracer]
) -> None:
    async def fail(*_: object) -> None:
        with spans.step("look"):
            raise NotFound(f"{CANARY} is not there")

    running = await serve(probe.build_with(fail), ProbeSettings(), opened("likeness-probe"))
    secrets = (("authorization", f"Bearer {CANARY}"), ("x-request-id", CANARY), ("tracestate", f"a={CANARY}"))
    async with grpc.aio.insecure_channel(running.address) as to:
        with pytest.raises(grpc.aio.AioRpcError):
            await probe.unary_unary(to, CANARY, metadata=(*secrets, *SAMPLED))
        unknown: Any = to.unary_unary(f"/likeness.v1.{CANARY}/Ask")
        with pytest.raises(grpc.aio.AioRpcError):
            await unknown(CANARY.encode(), metadata=(*secrets, *SAMPLED))
    found = {span.name: span for span in receiver.wait(lambda sent: len(sent) == 3)}
    assert (found["look"].failed, found[GET_MODEL].failed) == ("NOT_FOUND", "")
    assert found[GET_MODEL].attributes["likeness.reason"] == "NOT_FOUND"
    assert found["unknown"].failed == "UNIMPLEMENTED"
    assert CANARY.encode() not in receiver.raw


async def test_probes_and_what_goes_on_outside_of_calls_make_no_trace(
    serve: Serve, receiver: Collector, opened: Callable[[str], Tracer]
) -> None:
    running = await serve(probe.build_with(probe.nothing), ProbeSettings(), opened("likeness-probe"))
    for address in (running.address, running.health_address):
        await probe.health_of(address)
    with spans.step("sweep"):
        pass
    async with grpc.aio.insecure_channel(running.address) as to:
        await probe.unary_unary(to, "x")
    assert [span.name for span in receiver.wait(bool)] == [GET_MODEL]


async def test_a_caller_who_does_not_sample_is_not_traced_and_the_next_service_is_told(
    serve: Serve, receiver: Collector, opened: Callable[[str], Tracer]
) -> None:
    told: list[str] = []

    async def behave(*_: object) -> None:
        with spans.step("step"):
            told.append(getattr(spans.current(), "traceparent", ""))

    running = await serve(probe.build_with(behave), ProbeSettings(), opened("likeness-probe"))
    async with grpc.aio.insecure_channel(running.address) as to:
        await probe.unary_unary(to, "x", metadata=(("traceparent", f"00-{TRACE}-{PARENT}-00"),))
        await probe.unary_unary(to, "x", metadata=SAMPLED)
    sent = receiver.wait(lambda sent: len(sent) == 2)
    assert {span.name for span in sent} == {GET_MODEL, "step"}
    assert told[0].startswith(f"00-{TRACE}-")
    assert [int(each[-1]) & 1 for each in told] == [0, 1]


async def test_however_long_a_call_goes_on_its_trace_is_bounded(
    serve: Serve, receiver: Collector, opened: Callable[[str], Tracer]
) -> None:
    sampled: list[int] = []

    async def behave(*_: object) -> None:
        for _i in range(1001):
            with spans.step("step"):
                sampled.append(int(getattr(spans.current(), "traceparent", "0")[-1]) & 1)

    running = await serve(probe.build_with(behave), ProbeSettings(), opened("likeness-probe"))
    async with grpc.aio.insecure_channel(running.address) as to:
        await probe.unary_unary(to, "x")
    sent: list[Span] = receiver.wait(lambda sent: any(span.name == GET_MODEL for span in sent))
    assert sum(span.name == "step" for span in sent) == 1000
    assert (sampled[0], sampled[-1]) == (1, 0), "the services behind are told to trace no more"


async def test_without_an_endpoint_the_place_of_the_caller_is_handed_on_as_it_is(serve: Serve) -> None:
    told: list[str] = []

    async def behave(*_: object) -> None:
        with spans.step("step"):
            told.append(getattr(spans.current(), "traceparent", ""))

    with tracing.opened("likeness-probe") as tracer:
        running = await serve(probe.build_with(behave), ProbeSettings(), tracer)
        async with grpc.aio.insecure_channel(running.address) as to:
            await probe.unary_unary(to, "x", metadata=SAMPLED)
            await probe.unary_unary(to, "x")
            await probe.unary_unary(to, "x", metadata=(("traceparent", f"00-{CANARY}"),))
    assert told[0] == SAMPLED[0][1]
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-00", each) for each in told[1:])
    assert len(set(told)) == 3


@pytest.mark.parametrize(
    "given",
    [
        *("", "00", f"ff-{TRACE}-{PARENT}-01", f"00-{'0' * 32}-{PARENT}-01", f"00-{TRACE}-{'0' * 16}-01"),
        *(f"00-{TRACE}-{PARENT}-01-more", f"00-{TRACE.upper()}-{PARENT}-01", f" 00-{TRACE}-{PARENT}-01"),
    ],
)
def test_a_place_that_is_none_is_left_out_of_account(given: str) -> None:
    assert tracing.place({"traceparent": given}) is None


def test_a_place_of_a_later_version_is_read_as_far_as_it_is_known() -> None:
    """As W3C Trace Context has it."""
    found = tracing.place({"traceparent": f"cc-{TRACE}-{PARENT}-01-what-comes"})
    assert found == tracing.Place(TRACE, PARENT, sampled=True)


@pytest.mark.parametrize("name", ["OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"])
def test_a_protocol_that_is_not_spoken_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv(name, "http/protobuf")
    with pytest.raises(SystemExit, match=name), tracing.opened("likeness-probe"):
        pass


@pytest.mark.parametrize(("name", "value"), [("OTEL_SDK_DISABLED", "true"), ("OTEL_TRACES_EXPORTER", "none")])
def test_the_standard_ways_to_switch_it_off_do(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv(name, value)
    with tracing.opened("likeness-probe") as tracer:
        assert isinstance(tracer, tracing.NoTracer)


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_SERVICE_NAME", "front"), ("OTEL_RESOURCE_ATTRIBUTES", "service.name=front")]
)
def test_a_service_is_called_what_the_environment_says(
    name: str, value: str, receiver: Collector, opened: Callable[[str], Tracer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    opened("likeness-probe").call("S/M", None).ended("OK", "")
    assert [span.service for span in receiver.wait(bool)] == ["front"]
