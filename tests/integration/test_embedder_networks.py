"""Real photographs through the Embed RPC.

The networks must retrieve as well as their table says, which only comes of decoding, resizing, cutting, normalising and
pooling just as they were trained with.
"""

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import grpc
import numpy as np
import numpy.typing as npt
import onnxruntime as ort
import pytest
from PIL import Image, ImageOps

from embedder_service.app import build
from embedder_service.settings import EmbedderSettings
from likeness.v1 import embedder_pb2, embedder_pb2_grpc, types_pb2
from tests import embedder_models, embedder_retrieval
from tests.serving import serving

Vectors = npt.NDArray[np.float32]
# P@1 and mAP on the Imagenette photographs, from the README of the shared data.
NETWORKS = {
    "mobilenetv2": (0.942, 0.792),
    "squeezenet1.1": (0.862, 0.596),
    "googlenet": (0.948, 0.852),
    "resnet50_w1a2": (0.932, 0.818),
}
# 600 photographs take these half a minute.
SLOW = {"googlenet", "resnet50_w1a2"}
BATCH = 32


@pytest.fixture(scope="module")
async def stub(
    shared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[embedder_pb2_grpc.EmbedderServiceStub]:
    repository = tmp_path_factory.mktemp("models")
    for name in NETWORKS:
        embedder_models.write_network(repository, shared_data, name)
    settings = EmbedderSettings(port=0, health_port=0, metrics_port=0, model_dirs=(repository,), drain_seconds=0)
    async with serving(build, settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        yield embedder_pb2_grpc.EmbedderServiceStub(channel)


async def embed(stub: embedder_pb2_grpc.EmbedderServiceStub, contents: list[bytes], *models: str) -> list[Vectors]:
    """Each model's vectors of all the photographs."""
    rows: list[list[Vectors]] = [[] for _ in models]
    for start in range(0, len(contents), BATCH):
        images = [types_pb2.Image(content=content) for content in contents[start : start + BATCH]]
        encoding = types_pb2.VECTOR_ENCODING_FLOAT32_LE
        request = embedder_pb2.EmbedRequest(images=images, models=models, encoding=encoding)
        for result in (await stub.Embed(request, timeout=120)).results:
            for row, embedding in zip(rows, result.embeddings, strict=True):
                row.append(np.frombuffer(embedding.vector.float32_le, "<f4"))
    return [np.stack(row) for row in rows]


def by_hand(content: bytes, session: ort.InferenceSession) -> Vectors:
    """What the README of the networks says, in as few lines as it takes."""
    picture = ImageOps.exif_transpose(Image.open(BytesIO(content))).convert("RGB")
    shorter = min(picture.size)
    width, height = (int(256 * side / shorter) for side in picture.size)
    left, top = round((width - 224) / 2), round((height - 224) / 2)
    pixels = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))[top : top + 224, left : left + 224]
    normalised = (pixels / 255 - embedder_models.IMAGENET["mean"]) / embedder_models.IMAGENET["std"]
    (feature,) = session.run(["feature"], {"input": normalised.transpose(2, 0, 1)[None].astype(np.float32)})
    row: Vectors = feature[0] / np.linalg.norm(feature[0])
    return row


@pytest.mark.parametrize("name", NETWORKS)
async def test_vectors_equal_those_of_a_pipeline_by_hand(
    stub: embedder_pb2_grpc.EmbedderServiceStub, shared_data: Path, name: str
) -> None:
    """Photographs of all shapes, of which some are grey; each with each network alone."""
    photos = [embedder_retrieval.photos(shared_data, folder) for folder in ("imagenette", "coco", "flowers")]
    contents = [content for found in photos for content in found.contents[:90:15]]
    session = ort.InferenceSession(shared_data / "models" / f"{name}.onnx")
    (vectors,) = await embed(stub, contents, name)
    cosines = (vectors * [by_hand(content, session) for content in contents]).sum(1)
    # Not more exact, for a sum in another order may move one of resnet50_w1a2's coarse activations to its neighbour.
    assert cosines.min() > 0.9999


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.long) if n in SLOW else n for n in NETWORKS])
async def test_networks_retrieve_as_well_as_their_table_says(
    stub: embedder_pb2_grpc.EmbedderServiceStub, shared_data: Path, name: str
) -> None:
    photos = embedder_retrieval.photos(shared_data, "imagenette")
    (vectors,) = await embed(stub, photos.contents, name)
    cosines = embedder_retrieval.similarities(vectors)
    precision, mean_average_precision = NETWORKS[name]
    assert embedder_retrieval.precision_at_1(cosines, photos.labels) == pytest.approx(precision, abs=0.01)
    measured = embedder_retrieval.mean_average_precision(cosines, photos.labels)
    assert measured == pytest.approx(mean_average_precision, abs=0.01)


async def test_built_in_models_find_more_together_than_apart(
    stub: embedder_pb2_grpc.EmbedderServiceStub, shared_data: Path
) -> None:
    photos = embedder_retrieval.photos(shared_data, "imagenette")
    colour, shape = await embed(stub, photos.contents, "colour", "shape")
    lists = [embedder_retrieval.similarities(vectors) for vectors in (colour, shape)]
    precisions = [embedder_retrieval.precision_at_1(scores, photos.labels) for scores in lists]
    assert precisions[0] >= 0.28
    assert precisions[1] >= 0.29
    joined = embedder_retrieval.similarities(np.concatenate([colour, shape], axis=1))
    ranked = embedder_retrieval.reciprocal_rank_fusion(lists)
    for fused in (joined, ranked):
        assert embedder_retrieval.precision_at_1(fused, photos.labels) >= max(0.38, *precisions)


async def test_built_in_models_find_an_edit_of_every_picture(
    stub: embedder_pb2_grpc.EmbedderServiceStub, shared_data: Path
) -> None:
    photos = embedder_retrieval.photos(shared_data, "neardup")
    lists = [
        embedder_retrieval.similarities(vectors) for vectors in await embed(stub, photos.contents, "colour", "shape")
    ]
    for scores in (*lists, embedder_retrieval.reciprocal_rank_fusion(lists)):
        assert embedder_retrieval.near_duplicate_hits(scores, photos) == 1.0
