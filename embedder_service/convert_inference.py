"""Tensors of the Open Inference Protocol to pictures, and vectors to tensors."""

import struct
from collections.abc import Awaitable, Sequence

import numpy as np

from embedder_service.embedding import ImageSource, Outcome
from embedder_service.inference import open_inference_pb2 as pb
from embedder_service.model_card import ModelCard
from embedder_service.ports import Vectors
from servicekit import errors

IMAGE, VECTOR = "image", "vector"
"""The names of the input and of the output."""
_INPUT = "inputs[0]"
_RAW = "raw_input_contents"
# Before each value of a raw BYTES tensor: its length in bytes.
_LENGTH = struct.Struct("<I")
_SHARED_MEMORY = "shared_memory_region"
_CLASSIFICATION = "classification"

_Tensor = pb.ModelMetadataResponse.TensorMetadata
_Input = pb.ModelInferRequest.InferInputTensor


def metadata(card: ModelCard) -> pb.ModelMetadataResponse:
    """Return what the tensors of a model look like."""
    return pb.ModelMetadataResponse(
        name=card.name,
        versions=[card.fingerprint],
        platform="onnxruntime_onnx",
        inputs=[_Tensor(name=IMAGE, datatype="BYTES", shape=[-1])],
        outputs=[_Tensor(name=VECTOR, datatype="FP32", shape=[-1, card.dimension])],
    )


def images(request: pb.ModelInferRequest) -> list[ImageSource]:
    """Return the pictures of a request.

    Raises:
        InvalidField: its tensors are not those that `metadata` describes, or their contents do not fit their shape.
    """
    if len(request.inputs) != 1:
        raise errors.invalid_field("inputs", f"has {len(request.inputs)} tensors; {IMAGE!r} alone is taken")
    tensor = request.inputs[0]
    _require_input(tensor)
    _require_outputs(request)
    contents = _raw(request) if request.raw_input_contents else list(tensor.contents.bytes_contents)
    if len(contents) != tensor.shape[0]:
        raise errors.invalid_field(f"{_INPUT}.shape", f"says {tensor.shape[0]} images, and {len(contents)} are there")
    return [ImageSource(content=content) for content in contents]


async def renamed(outcomes: Awaitable[list[Outcome]]) -> list[Outcome]:
    """Return the outcomes; what they raise names a picture as this protocol does, and so does the first that failed.

    Raises:
        ServiceError: what the outcomes raise, or what the first picture that has no vector has in its place.
    """
    try:
        made = await outcomes
    except errors.ServiceError as error:
        raise error.relocated("images", _INPUT) from None
    for outcome in made:
        if isinstance(outcome, errors.ServiceError):
            raise outcome.relocated("images", _INPUT)
    return made


def answer(request: pb.ModelInferRequest, card: ModelCard, outcomes: Sequence[Outcome]) -> pb.ModelInferResponse:
    """Return the vectors, raw where the request was."""
    vectors = _rows(outcomes)
    tensor = pb.ModelInferResponse.InferOutputTensor(name=VECTOR, datatype="FP32", shape=vectors.shape)
    response = pb.ModelInferResponse(model_name=card.name, model_version=card.fingerprint, id=request.id)
    if request.raw_input_contents:
        response.raw_output_contents.append(vectors.astype("<f4", copy=False).tobytes())
    else:
        tensor.contents.fp32_contents.extend(vectors.ravel().tolist())
    response.outputs.append(tensor)
    return response


def _require_input(tensor: _Input) -> None:
    if (tensor.name, tensor.datatype) != (IMAGE, "BYTES"):
        raise errors.invalid_field(_INPUT, f"is no {IMAGE!r} of type BYTES, as ModelMetadata describes it")
    if _SHARED_MEMORY in tensor.parameters:
        raise errors.invalid_field(f"{_INPUT}.parameters", "shared memory is not served; send the bytes")
    if list(tensor.shape[1:]) not in ([], [1]) or not tensor.shape:
        raise errors.invalid_field(f"{_INPUT}.shape", "is neither [n] nor [n, 1]")


def _require_outputs(request: pb.ModelInferRequest) -> None:
    for i, output in enumerate(request.outputs):
        if output.name != VECTOR or i > 0:
            raise errors.invalid_field(f"outputs[{i}].name", f"{VECTOR!r} alone comes out, once")
        if {_SHARED_MEMORY, _CLASSIFICATION} & set(output.parameters):
            raise errors.invalid_field(f"outputs[{i}].parameters", "shared memory and classification are not served")


def _raw(request: pb.ModelInferRequest) -> list[bytes]:
    if len(request.raw_input_contents) != 1:
        raise errors.invalid_field(_RAW, f"has {len(request.raw_input_contents)} values for 1 input")
    if request.inputs[0].HasField("contents"):
        raise errors.invalid_field(f"{_INPUT}.contents", f"is set beside {_RAW}")
    return _values(request.raw_input_contents[0])


def _values(packed: bytes) -> list[bytes]:
    """Return the values of a raw BYTES tensor."""
    values, at = [], 0
    while at < len(packed):
        start = at + _LENGTH.size
        if start > len(packed):
            raise errors.invalid_field(f"{_RAW}[0]", "ends within the length of a value")
        at = start + _LENGTH.unpack_from(packed, start - _LENGTH.size)[0]
        if at > len(packed):
            raise errors.invalid_field(f"{_RAW}[0]", "ends within a value")
        values.append(packed[start:at])
    return values


def _rows(outcomes: Sequence[Outcome]) -> Vectors:
    """Return one row for each picture, [n, dimension]; none of `outcomes` is an error."""
    return np.stack([o.embeddings[0].vector for o in outcomes if not isinstance(o, errors.ServiceError)])
