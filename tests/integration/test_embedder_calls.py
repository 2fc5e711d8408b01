"""Every call of EmbedderService, over a connection."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import numpy.typing as npt
import pytest
from google.rpc import error_details_pb2

from embedder_service.app import build
from embedder_service.settings import EmbedderSettings
from likeness.v1 import embedder_pb2, embedder_pb2_grpc, types_pb2
from servicekit import errors, status
from tests import embedder_images as images
from tests import embedder_models
from tests.serving import serving

PICTURE = images.smooth(60, 80)
JPEG = images.encode(PICTURE, "JPEG")
VALUES, FLOAT32_LE = types_pb2.VECTOR_ENCODING_VALUES, types_pb2.VECTOR_ENCODING_FLOAT32_LE


@pytest.fixture(scope="module")
async def stub(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Any]:
    repository = tmp_path_factory.mktemp("models")
    content = embedder_models.relative_colour()
    card = embedder_models.card("relative", content, 3)
    embedder_models.write(repository, card, content)
    settings = EmbedderSettings(port=0, health_port=0, metrics_port=0, model_dirs=(repository,), drain_seconds=0)
    async with serving(build, settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        yield embedder_pb2_grpc.EmbedderServiceStub(channel)


def request(*contents: bytes, **fields: Any) -> embedder_pb2.EmbedRequest:
    return embedder_pb2.EmbedRequest(images=[types_pb2.Image(content=content) for content in contents], **fields)


def vector(embedding: embedder_pb2.Embedding) -> npt.NDArray[np.float32]:
    return np.frombuffer(embedding.vector.float32_le, "<f4")


async def refusal(call: Any) -> errors.ServiceError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return status.from_rpc_error(caught.value, "test")


async def test_a_result_describes_its_image_and_each_vector(stub: Any) -> None:
    response = await stub.Embed(request(JPEG, encoding=FLOAT32_LE))
    models = {model.name: model for model in (await stub.ListModels(embedder_pb2.ListModelsRequest())).models}
    (result,) = response.results
    assert result.content_sha256 == hashlib.sha256(JPEG).hexdigest()
    assert (result.width_px, result.height_px, result.format) == (80, 60, "JPEG")
    assert not result.HasField("error")
    assert [embedding.model for embedding in result.embeddings] == ["colour", "relative", "shape"]
    for embedding in result.embeddings:
        model = models[embedding.model]
        assert (embedding.fingerprint, embedding.dimension) == (model.fingerprint, model.dimension)
        assert vector(embedding).shape == (model.dimension,)
        assert np.linalg.norm(vector(embedding).astype(np.float64)) == pytest.approx(1, abs=1e-6)


async def test_the_encodings_carry_the_same_numbers(stub: Any) -> None:
    packed = await stub.Embed(request(JPEG, models=["colour"], encoding=FLOAT32_LE))
    expected = vector(packed.results[0].embeddings[0])
    for encoding in (VALUES, types_pb2.VECTOR_ENCODING_UNSPECIFIED):
        response = await stub.Embed(request(JPEG, models=["colour"], encoding=encoding))
        embedding = response.results[0].embeddings[0]
        assert not embedding.vector.float32_le
        np.testing.assert_array_equal(np.array(embedding.vector.values, np.float32), expected)


async def test_results_are_in_the_order_of_images_and_models(stub: Any) -> None:
    contents = [images.encode(images.noise(20, 30, seed=seed), "PNG") for seed in range(10)]
    together = await stub.Embed(request(*contents, models=["shape", "colour"], encoding=FLOAT32_LE))
    for content, result in zip(contents, together.results, strict=True):
        for name, embedding in zip(("shape", "colour"), result.embeddings, strict=True):
            alone = await stub.Embed(request(content, models=[name], encoding=FLOAT32_LE))
            np.testing.assert_allclose(vector(embedding), vector(alone.results[0].embeddings[0]), atol=1e-6)


async def test_bad_images_fail_alone_with_all_that_a_caller_needs(stub: Any) -> None:
    sent = request(JPEG, JPEG[: len(JPEG) // 2], b"", images.black_png(20_000, 15_000), b"just some text", JPEG)
    sent.images.append(types_pb2.Image(uri="http://example.org/a.jpg"))
    sent.images.append(types_pb2.Image(content=images.progressive_jpeg(64, 64, 200)))
    results = (await stub.Embed(sent)).results
    found = {
        index: (grpc.StatusCode(status_of(result)).name, *reason_and_field(result))
        for index, result in enumerate(results)
        if result.HasField("error")
    }
    assert found == {
        1: ("INVALID_ARGUMENT", "IMAGE_UNDECODABLE", "images[1].content"),
        2: ("INVALID_ARGUMENT", "INVALID_FIELD", "images[2]"),
        3: ("INVALID_ARGUMENT", "IMAGE_TOO_LARGE", "images[3].content"),
        4: ("INVALID_ARGUMENT", "IMAGE_UNDECODABLE", "images[4].content"),
        6: ("PERMISSION_DENIED", "URI_NOT_ALLOWED", "images[6].uri"),
        7: ("INVALID_ARGUMENT", "IMAGE_TOO_COMPLEX", "images[7].content"),
    }
    assert results[3].error.message == "images[3].content: has 300,000,000 pixels; the limit is 50,000,000"
    for good in (0, 5):
        assert len(results[good].embeddings) == 3
        assert results[good].embeddings == results[0].embeddings


def status_of(result: embedder_pb2.EmbedResult) -> Any:
    return next(code.value for code in grpc.StatusCode if code.value[0] == result.error.code)


def reason_and_field(result: embedder_pb2.EmbedResult) -> tuple[str, str]:
    info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
    assert result.error.details[0].Unpack(info)
    assert result.error.details[1].Unpack(bad)
    assert info.domain == "likeness"
    (violation,) = bad.field_violations
    assert result.error.message == f"{violation.field}: {violation.description}"
    return info.reason, violation.field


async def test_a_network_that_gives_no_number_fails_that_image_alone(stub: Any) -> None:
    black = images.encode(np.zeros((8, 8, 3), np.uint8), "PNG")
    good, bad = (await stub.Embed(request(JPEG, black))).results
    assert len(good.embeddings) == 3
    assert (bad.error.code, len(bad.embeddings)) == (grpc.StatusCode.INTERNAL.value[0], 0)
    (only,) = (await stub.Embed(request(black, models=["colour"]))).results
    assert len(only.embeddings) == 1


@pytest.mark.parametrize(
    ("sent", "kind", "reason", "field"),
    [
        (request(), errors.InvalidArgument, "INVALID_FIELD", "images"),
        (request(*[JPEG] * 65), errors.InvalidArgument, "INVALID_FIELD", "images"),
        (request(JPEG, models=["shape", "shape"]), errors.InvalidArgument, "INVALID_FIELD", "models[1]"),
        (request(JPEG, encoding=7), errors.InvalidArgument, "INVALID_FIELD", "encoding"),
    ],
    ids=["no image", "65 images", "a model twice", "an unknown encoding"],
)
async def test_a_wrong_request_is_refused(
    stub: Any, sent: embedder_pb2.EmbedRequest, kind: type[errors.ServiceError], reason: str, field: str
) -> None:
    error = await refusal(stub.Embed(sent))
    assert isinstance(error, kind)
    assert (error.code_reason, error.violations[0].field) == (reason, field)


async def test_an_unknown_model_is_not_found(stub: Any) -> None:
    for call in (
        stub.Embed(request(JPEG, models=["colour", "x"])),
        stub.GetModel(embedder_pb2.GetModelRequest(name="x")),
    ):
        error = await refusal(call)
        assert isinstance(error, errors.NotFound)
        assert (error.code_reason, error.resource) == ("MODEL_NOT_FOUND", errors.Resource("model", "x"))


async def test_models_are_described_as_their_files_say(stub: Any, root: Path) -> None:
    models = (await stub.ListModels(embedder_pb2.ListModelsRequest())).models
    assert [model.name for model in models] == ["colour", "relative", "shape"]
    for model in models:
        assert (await stub.GetModel(embedder_pb2.GetModelRequest(name=model.name))).model == model
        assert model.state == embedder_pb2.Model.STATE_READY
    colour = models[0]
    file = (root / "embedder_service" / "models" / "colour" / "model.onnx").read_bytes()
    assert colour.onnx_sha256 == hashlib.sha256(file).hexdigest()
    assert (colour.dimension, colour.license) == (408, "Apache-2.0")
    assert colour.preprocessing == embedder_pb2.Preprocessing(
        input_width_px=64,
        input_height_px=64,
        resize_mode="stretch",
        resize_filter="BILINEAR",
        crop="none",
        colour_order="RGB",
        scale=1 / 255,
        mean=[0, 0, 0],
        std=[1, 1, 1],
        layout="NCHW",
        dtype="float32",
        output_tensor="feature",
        pooling="none",
        normalisation="l2",
        decoding="exact",
    )
