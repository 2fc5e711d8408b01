"""inference.GRPCInferenceService, the Open Inference Protocol: what clients of Triton and KServe call."""

from typing import Any

import grpc

from embedder_service import convert_inference as convert
from embedder_service.embedding import Embedder
from embedder_service.inference import open_inference_pb2 as pb
from embedder_service.inference import open_inference_pb2_grpc
from embedder_service.model_card import ModelCard
from embedder_service.ports import ModelNotFound
from embedder_service.registry import Registry
from likeness.release import RELEASE
from servicekit import errors

Context = grpc.aio.ServicerContext[Any, Any]


class InferenceServicer(open_inference_pb2_grpc.GRPCInferenceServiceServicer):
    """Every method. A model's version is its fingerprint; none given means the one that is served."""

    def __init__(self, embedder: Embedder, registry: Registry) -> None:
        self._embedder = embedder
        self._registry = registry

    async def ServerLive(self, request: pb.ServerLiveRequest, context: Context) -> pb.ServerLiveResponse:
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(self, request: pb.ServerReadyRequest, context: Context) -> pb.ServerReadyResponse:
        return pb.ServerReadyResponse(ready=bool(self._registry.cards()))

    async def ModelReady(self, request: pb.ModelReadyRequest, context: Context) -> pb.ModelReadyResponse:
        versions = {(card.name, version) for card in self._registry.cards() for version in ("", card.fingerprint)}
        return pb.ModelReadyResponse(ready=(request.name, request.version) in versions)

    async def ServerMetadata(self, request: pb.ServerMetadataRequest, context: Context) -> pb.ServerMetadataResponse:
        return pb.ServerMetadataResponse(name="likeness-embedder", version=RELEASE)

    async def ModelMetadata(self, request: pb.ModelMetadataRequest, context: Context) -> pb.ModelMetadataResponse:
        return convert.metadata(self._card(request.name, request.version))

    async def ModelInfer(self, request: pb.ModelInferRequest, context: Context) -> pb.ModelInferResponse:
        card = self._card(request.model_name, request.model_version)
        outcomes = await convert.renamed(self._embedder.embed(convert.images(request), [card.name]))
        return convert.answer(request, card, outcomes)

    def _card(self, name: str, version: str) -> ModelCard:
        card = self._registry.card(name)
        if version not in ("", card.fingerprint):
            message = f"model {card.name!r} is not served in this version; leave it empty for the one that is"
            raise ModelNotFound(message, resource=errors.Resource("model", card.name))
        return card
