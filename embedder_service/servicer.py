"""likeness.v1.EmbedderService: requests to values, one call, values to responses."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import grpc

from embedder_service.embedding import Embedder, ImageSource, Outcome
from embedder_service.model_card import ModelCard
from embedder_service.ports import Vectors
from embedder_service.registry import Registry
from embedder_service.stream import Item, Streams
from likeness.v1 import embedder_pb2, embedder_pb2_grpc, types_pb2
from servicekit import errors, status

Context = grpc.aio.ServicerContext[Any, Any]
Encode = Callable[[Vectors], types_pb2.Vector]


def _as_values(vector: Vectors) -> types_pb2.Vector:
    return types_pb2.Vector(values=vector.tolist())


def _as_bytes(vector: Vectors) -> types_pb2.Vector:
    return types_pb2.Vector(float32_le=vector.astype("<f4", copy=False).tobytes())


_ENCODINGS: dict[int, Encode] = {
    types_pb2.VECTOR_ENCODING_UNSPECIFIED: _as_values,
    types_pb2.VECTOR_ENCODING_VALUES: _as_values,
    types_pb2.VECTOR_ENCODING_FLOAT32_LE: _as_bytes,
}


class EmbedderServicer(embedder_pb2_grpc.EmbedderServiceServicer):
    """The proto service."""

    def __init__(self, embedder: Embedder, streams: Streams, registry: Registry) -> None:
        self._embedder = embedder
        self._streams = streams
        self._registry = registry

    async def Embed(self, request: embedder_pb2.EmbedRequest, context: Context) -> embedder_pb2.EmbedResponse:
        encode = _encoding(request.encoding)
        outcomes = await self._embedder.embed([_source(image) for image in request.images], list(request.models))
        return embedder_pb2.EmbedResponse(results=[_result(outcome, encode) for outcome in outcomes])

    async def StreamEmbed(
        self, requests: AsyncIterator[embedder_pb2.StreamEmbedRequest], context: Context
    ) -> AsyncGenerator[embedder_pb2.StreamEmbedResponse]:
        async with aclosing(_items(requests)) as items, aclosing(self._streams.run(items)) as answers:
            async for answer in answers:
                encode = _ENCODINGS.get(answer.item.encoding, _as_values)
                result = _result(answer.outcome, encode)
                yield embedder_pb2.StreamEmbedResponse(item_id=answer.item.item_id, result=result)

    async def ListModels(
        self, request: embedder_pb2.ListModelsRequest, context: Context
    ) -> embedder_pb2.ListModelsResponse:
        return embedder_pb2.ListModelsResponse(models=[_model(card) for card in self._registry.cards()])

    async def GetModel(self, request: embedder_pb2.GetModelRequest, context: Context) -> embedder_pb2.GetModelResponse:
        return embedder_pb2.GetModelResponse(model=_model(self._registry.card(request.name)))


async def _items(requests: AsyncIterator[embedder_pb2.StreamEmbedRequest]) -> AsyncGenerator[Item]:
    async for request in requests:
        problem = None if request.encoding in _ENCODINGS else _no_encoding(request.encoding)
        yield Item(request.item_id, _source(request.image), list(request.models), request.encoding, problem)


def _no_encoding(number: int) -> errors.InvalidField:
    return errors.invalid_field("encoding", f"{number} is no VectorEncoding")


def _encoding(number: int) -> Encode:
    if number not in _ENCODINGS:
        raise _no_encoding(number)
    return _ENCODINGS[number]


def _source(image: types_pb2.Image) -> ImageSource:
    return ImageSource(content=image.content, uri=image.uri if image.HasField("uri") else None)


def _result(outcome: Outcome, encode: Encode) -> embedder_pb2.EmbedResult:
    if isinstance(outcome, errors.ServiceError):
        return embedder_pb2.EmbedResult(error=status.to_status(outcome))
    return embedder_pb2.EmbedResult(
        embeddings=[
            embedder_pb2.Embedding(
                model=embedding.card.name,
                fingerprint=embedding.card.fingerprint,
                dimension=embedding.card.dimension,
                vector=encode(embedding.vector),
            )
            for embedding in outcome.embeddings
        ],
        content_sha256=outcome.image.content_sha256,
        width_px=outcome.image.width_px,
        height_px=outcome.image.height_px,
        format=outcome.image.format,
    )


def _model(card: ModelCard) -> embedder_pb2.Model:
    return embedder_pb2.Model(
        name=card.name,
        description=card.description,
        dimension=card.dimension,
        preprocessing=embedder_pb2.Preprocessing(**card.preprocessing.model_dump()),
        onnx_sha256=card.onnx_sha256,
        fingerprint=card.fingerprint,
        state=embedder_pb2.Model.STATE_READY,
        license=card.license,
        source=card.source,
    )
