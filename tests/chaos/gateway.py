"""Calls the gateway with pictures, and has an oracle judge every answer."""

import io
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from google.protobuf.struct_pb2 import Struct
from google.rpc import code_pb2
from PIL import Image

from likeness.v1 import embedder_pb2, image_search_pb2, types_pb2
from tests.chaos.caller import ALL, CALL_SECONDS, Caller
from tests.oracle import Hit, Oracle, Outcome

# A version has the picture of its number modulo this.
PICTURES = 200
_EMBEDDED_AT_ONCE = 20
_EXCUSED = {code_pb2.UNAVAILABLE, code_pb2.DEADLINE_EXCEEDED, code_pb2.ABORTED}


@cache
def picture(number: int) -> types_pb2.Image:
    """Return a picture unlike any other, as PNG."""
    small = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(small).resize((96, 72), Image.Resampling.BICUBIC).save(file, "PNG")
    return types_pb2.Image(content=file.getvalue())


class Vectors:
    """What the embedder makes of every picture."""

    def __init__(self, vectors: Mapping[str, npt.NDArray[np.float64]]) -> None:
        self._vectors = vectors

    @classmethod
    async def embedded(cls, embedder: Any) -> "Vectors":
        """Have every picture embedded by every model."""
        rows: dict[str, list[npt.NDArray[np.float32]]] = {}
        for start in range(0, PICTURES, _EMBEDDED_AT_ONCE):
            images = [picture(number) for number in range(start, start + _EMBEDDED_AT_ONCE)]
            answer = await embedder.Embed(
                embedder_pb2.EmbedRequest(images=images, encoding=types_pb2.VECTOR_ENCODING_FLOAT32_LE)
            )
            for result in answer.results:
                for made in result.embeddings:
                    rows.setdefault(made.model, []).append(np.frombuffer(made.vector.float32_le, "<f4"))
        return cls({model: np.array(found, np.float64) for model, found in rows.items()})

    def distance(self, model: str, a: int, b: int) -> float:
        """Return the Euclidean distance of two versions' vectors."""
        rows = self._vectors[model]
        return float(np.linalg.norm(rows[a % PICTURES] - rows[b % PICTURES]))


class GatewayCaller(Caller):
    """As Caller, through the gateway. The gateway asks again where it got no answer, so a refusal is no certainty."""

    def __init__(self, stub: Any, oracle: Oracle) -> None:
        super().__init__(stub, oracle)

    async def create(self) -> None:
        wanted = image_search_pb2.Collection(name=self.collection)
        await self._stub.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=wanted))

    async def write(self, versions: Mapping[str, int]) -> list[Outcome]:
        operations = [self.oracle.begin(image_id, version) for image_id, version in versions.items()]
        entries = [_entry(image_id, version) for image_id, version in versions.items()]
        request = image_search_pb2.IndexImagesRequest(collection=self.collection, entries=entries)
        answer = await self._changed(self._stub.IndexImages, request, operations)
        return self._end(operations, [_outcome(result) for result in answer.results] if answer else [])

    async def search(self, version: int) -> list[Hit]:
        request = image_search_pb2.SearchImagesRequest(
            collection=self.collection,
            image=picture(version % PICTURES),
            top_k=ALL,
            include_attributes=True,
            require_all_models=True,
        )
        since = self.oracle.now()
        return self._judge(await self._stub.SearchImages(request, timeout=CALL_SECONDS), version, since)


def _entry(image_id: str, version: int) -> image_search_pb2.ImageEntry:
    attributes = Struct()
    attributes["version"] = version
    return image_search_pb2.ImageEntry(image_id=image_id, image=picture(version % PICTURES), attributes=attributes)


def _outcome(result: image_search_pb2.IndexResult) -> Outcome:
    if result.error.code == code_pb2.OK:
        return Outcome.DONE
    assert result.error.code in _EXCUSED, result.error
    return Outcome.UNKNOWN
