"""Networks that `likeness-models export` made give, through Embed, what Keras itself gives. `make keras` runs this."""

import os
import subprocess
from pathlib import Path

import grpc
import numpy as np
import numpy.typing as npt
import pytest

from embedder_service.app import build
from embedder_service.settings import EmbedderSettings
from likeness.v1 import embedder_pb2, embedder_pb2_grpc, types_pb2
from tests.serving import serving

SEED = "1"
PHOTOS = 20
Vectors = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def python(root: Path) -> Path:
    path = root / ".tools" / "keras" / "bin" / "python"
    if not path.exists():
        pytest.skip("needs Keras in .tools/keras; run: make keras")
    return path


def run(python: Path, root: Path, *arguments: str) -> None:
    quiet = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(
        [str(python), "-m", *arguments], cwd=root, env=quiet, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr


async def embedded(repository: Path, photos: list[Path]) -> dict[str, Vectors]:
    """Each model's vectors, over the wire."""
    settings = EmbedderSettings(
        port=0, health_port=0, model_dirs=(repository,), built_in_models=False, drain_seconds=0, trial_seconds=60
    )
    images = [types_pb2.Image(content=photo.read_bytes()) for photo in photos]
    request = embedder_pb2.EmbedRequest(images=images)
    async with serving(build, settings) as server, grpc.aio.insecure_channel(server.address) as channel:
        response = await embedder_pb2_grpc.EmbedderServiceStub(channel).Embed(request, timeout=120)
    rows: dict[str, list[list[float]]] = {}
    for result in response.results:
        for embedding in result.embeddings:
            rows.setdefault(embedding.model, []).append(list(embedding.vector.values))
    return {name: np.array(values, np.float32) for name, values in rows.items()}


@pytest.mark.long
async def test_exported_networks_give_what_keras_gives(
    python: Path, root: Path, shared_data: Path, tmp_path: Path
) -> None:
    """Photographs of all shapes, of which none has an EXIF orientation, which Keras would pass over."""
    photos = [path for folder in ("coco", "flowers") for path in sorted((shared_data / "images" / folder).glob("*"))]
    chosen = photos[:: len(photos) // PHOTOS][:PHOTOS]
    repository = tmp_path / "models"
    for name in ("ResNet50", "VGG16"):
        weights = ("--weights", "random", "--seed", SEED)
        run(python, root, "embedder_service.model_tools", "export", f"keras:{name}", *weights, "-m", str(repository))
    run(python, root, "tests.keras.reference", "vectors", str(tmp_path / "keras.npz"), SEED, *map(str, chosen))
    ours = await embedded(repository, chosen)
    with np.load(tmp_path / "keras.npz") as theirs:
        assert {name: theirs[name].shape for name in theirs} == {"resnet50": (20, 2048), "vgg16": (20, 512)}
        for name, rows in theirs.items():
            cosines = (ours[name] * rows).sum(1) / np.linalg.norm(rows, axis=1)
            print(f"{name}: least cosine {cosines.min():.8f}")
            assert cosines.min() >= 0.99999
