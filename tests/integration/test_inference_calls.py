"""The Open Inference Protocol over a connection: tensors of both forms, and each way to get them wrong."""

import struct
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
import numpy as np
import pytest

from embedder_service.app import build
from embedder_service.inference import open_inference_pb2 as pb
from embedder_service.inference import open_inference_pb2_grpc
from embedder_service.settings import EmbedderSettings
from servicekit import errors, status
from tests import embedder_images as images
from tests.serving import serving

JPEGS = [images.encode(images.noise(40, 60, seed=seed), "JPEG") for seed in range(2)]


@pytest.fixture(scope="module")
async def stub() -> AsyncIterator[Any]:
    settings = EmbedderSettings(port=0, health_port=0, metrics_port=0, drain_seconds=0)
    async with serving(build, settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        yield open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)


def typed(*contents: bytes) -> pb.ModelInferRequest:
    request = pb.ModelInferRequest(model_name="colour", id="r-1")
    tensor = request.inputs.add(name="image", datatype="BYTES", shape=[len(contents)])
    tensor.contents.bytes_contents.extend(contents)
    return request


def raw(*contents: bytes) -> pb.ModelInferRequest:
    request = typed(*contents)
    request.inputs[0].ClearField("contents")
    request.raw_input_contents.append(b"".join(struct.pack("<I", len(content)) + content for content in contents))
    return request


async def refusal(call: Any) -> errors.ServiceError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return status.from_rpc_error(caught.value, "test")


async def test_the_answer_has_the_form_of_the_question(stub: Any) -> None:
    from_typed, from_raw = await stub.ModelInfer(typed(*JPEGS)), await stub.ModelInfer(raw(*JPEGS))
    vectors = np.frombuffer(from_raw.raw_output_contents[0], "<f4")
    np.testing.assert_array_equal(np.array(from_typed.outputs[0].contents.fp32_contents, np.float32), vectors)
    assert not from_typed.raw_output_contents
    assert not from_raw.outputs[0].HasField("contents")
    for answer in (from_typed, from_raw):
        (tensor,) = answer.outputs
        assert (tensor.name, tensor.datatype, list(tensor.shape)) == ("vector", "FP32", [2, 408])
        assert (answer.model_name, answer.id) == ("colour", "r-1")
    np.testing.assert_allclose(np.linalg.norm(vectors.reshape(2, 408).astype(np.float64), axis=1), 1, atol=1e-6)


def changed(request: pb.ModelInferRequest, change: Callable[[Any], object]) -> pb.ModelInferRequest:
    change(request)
    return request


def truncated(count: int) -> Callable[[Any], None]:
    def cut(request: Any) -> None:
        request.raw_input_contents[0] = request.raw_input_contents[0][:count]

    return cut


JPEG = JPEGS[0]
SHARED = pb.InferParameter(string_param="region")
WRONG = {
    "no tensor": (changed(typed(JPEG), lambda r: r.ClearField("inputs")), "inputs"),
    "two tensors": (changed(typed(JPEG), lambda r: r.inputs.append(r.inputs[0])), "inputs"),
    "another name": (changed(typed(JPEG), lambda r: setattr(r.inputs[0], "name", "INPUT0")), "inputs[0]"),
    "another type": (changed(typed(JPEG), lambda r: setattr(r.inputs[0], "datatype", "UINT8")), "inputs[0]"),
    "no shape": (changed(typed(JPEG), lambda r: r.inputs[0].ClearField("shape")), "inputs[0].shape"),
    "another shape": (changed(typed(JPEG), lambda r: r.inputs[0].shape.extend([2])), "inputs[0].shape"),
    "another count": (changed(typed(*JPEGS), lambda r: r.inputs[0].shape.__setitem__(0, 3)), "inputs[0].shape"),
    "shared memory": (
        changed(typed(JPEG), lambda r: r.inputs[0].parameters["shared_memory_region"].CopyFrom(SHARED)),
        "inputs[0].parameters",
    ),
    "another output": (changed(typed(JPEG), lambda r: r.outputs.add(name="OUTPUT0")), "outputs[0].name"),
    "classification": (
        changed(typed(JPEG), lambda r: r.outputs.add(name="vector").parameters["classification"].CopyFrom(SHARED)),
        "outputs[0].parameters",
    ),
    "both forms": (
        changed(raw(JPEG), lambda r: r.inputs[0].contents.bytes_contents.append(JPEG)),
        "inputs[0].contents",
    ),
    "two raw values": (changed(raw(JPEG), lambda r: r.raw_input_contents.append(b"")), "raw_input_contents"),
    "a cut length": (changed(raw(JPEG), truncated(3)), "raw_input_contents[0]"),
    "a cut value": (changed(raw(JPEG), truncated(100)), "raw_input_contents[0]"),
    "no picture": (typed(), "inputs[0]"),
    "65 pictures": (typed(*[JPEG] * 65), "inputs[0]"),
    "an empty picture": (typed(JPEG, b""), "inputs[0][1]"),
}


@pytest.mark.parametrize(("request_", "field"), WRONG.values(), ids=WRONG)
async def test_a_wrong_request_is_refused_by_its_field(stub: Any, request_: pb.ModelInferRequest, field: str) -> None:
    error = await refusal(stub.ModelInfer(request_))
    assert isinstance(error, errors.InvalidArgument)
    assert (error.code_reason, error.violations[0].field) == ("INVALID_FIELD", field)


async def test_a_picture_that_cannot_be_read_fails_the_call_by_name(stub: Any) -> None:
    error = await refusal(stub.ModelInfer(raw(JPEG, JPEG[:100])))
    assert (error.code_reason, error.violations[0].field) == ("IMAGE_UNDECODABLE", "inputs[0][1].content")
    assert error.message.startswith("inputs[0][1].content: ")


async def test_an_unknown_model_or_version_is_not_found(stub: Any) -> None:
    for call in (
        stub.ModelInfer(changed(typed(JPEG), lambda r: setattr(r, "model_name", "x"))),
        stub.ModelInfer(changed(typed(JPEG), lambda r: setattr(r, "model_version", "1"))),
        stub.ModelMetadata(pb.ModelMetadataRequest(name="colour", version="1")),
        stub.ModelMetadata(pb.ModelMetadataRequest(name="x")),
    ):
        assert (await refusal(call)).code_reason == "MODEL_NOT_FOUND"


async def test_a_full_server_refuses_with_a_time_to_come_back() -> None:
    """What Embed is protected by protects this service too."""
    settings = EmbedderSettings(port=0, health_port=0, metrics_port=0, drain_seconds=0, max_waiting_images=64)
    async with serving(build, settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        stub: Any = open_inference_pb2_grpc.GRPCInferenceServiceStub(channel)
        calls = [stub.ModelInfer(raw(*[JPEG] * 64)) for _ in range(3)]
        refused = []
        for call in calls:
            try:
                await call
            except grpc.aio.AioRpcError as error:
                refused.append(status.from_rpc_error(error, "test"))
    assert {error.code_reason for error in refused} == {"OVERLOADED"}
    assert all(error.retry_after_seconds for error in refused)
    assert len(refused) < len(calls)
