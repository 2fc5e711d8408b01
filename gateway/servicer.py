"""ImageSearchService: messages to values, one call, values to messages."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from functools import partial
from typing import Any

import grpc

from gateway import convert
from gateway.coordinator import Coordinator
from gateway.ingest import Ingest
from gateway.ports import Embedder, Search
from gateway.replay import ReplayingIndexer
from likeness.v1 import embedder_pb2, image_search_pb2_grpc
from likeness.v1 import image_search_pb2 as pb

Context = grpc.aio.ServicerContext[Any, Any]


class ImageSearchServicer(image_search_pb2_grpc.ImageSearchServiceServicer):
    """The proto service: what takes both services goes to the coordinator, the rest is handed on."""

    def __init__(
        self,
        coordinator: Coordinator,
        indexer: ReplayingIndexer,
        ingest: Ingest,
        embedder: Embedder,
        search: Search,
    ) -> None:
        self._coordinator = coordinator
        self._indexer = indexer
        self._ingest = ingest
        self._embedder = embedder
        self._search = search

    async def CreateCollection(
        self, request: pb.CreateCollectionRequest, context: Context
    ) -> pb.CreateCollectionResponse:
        made = await self._coordinator.create_collection(request.collection, request.collection.models)
        return pb.CreateCollectionResponse(collection=made)

    async def IndexImages(self, request: pb.IndexImagesRequest, context: Context) -> pb.IndexImagesResponse:
        entries, request_id = convert.from_entries(request), request.request_id
        # However its id is spelt, it is the same request.
        request.ClearField("request_id")
        body = partial(request.SerializeToString, deterministic=True)
        indexed = await self._indexer.index(request.collection, entries, request_id, body)
        return convert.to_index_response(indexed)

    async def IngestImages(
        self, requests: AsyncIterator[pb.IngestImagesRequest], context: Context
    ) -> AsyncGenerator[pb.IngestImagesResponse]:
        async with aclosing(convert.from_ingest(requests)) as items, aclosing(self._ingest.run(items)) as events:
            async for event in events:
                yield convert.to_ingest_response(event)

    async def SearchImages(self, request: pb.SearchImagesRequest, context: Context) -> pb.SearchImagesResponse:
        return convert.to_search_response(await self._coordinator.search(convert.from_question(request)))

    async def CompareModels(self, request: pb.CompareModelsRequest, context: Context) -> pb.CompareModelsResponse:
        return convert.to_compare_response(await self._coordinator.compare(convert.from_question(request)))

    async def EvaluateModels(self, request: pb.EvaluateModelsRequest, context: Context) -> Any:
        return await self._search.evaluate(request)

    def FindDuplicates(self, request: pb.FindDuplicatesRequest, context: Context) -> AsyncGenerator[Any]:
        return self._search.duplicates(request)

    async def AddModel(self, request: pb.AddModelRequest, context: Context) -> pb.AddModelResponse:
        return pb.AddModelResponse(collection=await self._coordinator.add_model(request.collection, request.model))

    async def ActivateModel(self, request: pb.ActivateModelRequest, context: Context) -> Any:
        return await self._search.hand_on("ActivateModel", request)

    async def RemoveModel(self, request: pb.RemoveModelRequest, context: Context) -> Any:
        return await self._search.hand_on("RemoveModel", request)

    async def GetCollection(self, request: pb.GetCollectionRequest, context: Context) -> Any:
        return await self._search.hand_on("GetCollection", request)

    async def ListCollections(self, request: pb.ListCollectionsRequest, context: Context) -> Any:
        return await self._search.hand_on("ListCollections", request)

    async def DeleteCollection(self, request: pb.DeleteCollectionRequest, context: Context) -> Any:
        return await self._search.hand_on("DeleteCollection", request)

    async def GetImage(self, request: pb.GetImageRequest, context: Context) -> Any:
        return await self._search.hand_on("GetImage", request)

    async def ListImages(self, request: pb.ListImagesRequest, context: Context) -> Any:
        return await self._search.hand_on("ListImages", request)

    async def DeleteImages(self, request: pb.DeleteImagesRequest, context: Context) -> Any:
        return await self._search.hand_on("DeleteImages", request)

    async def ListModels(self, request: embedder_pb2.ListModelsRequest, context: Context) -> Any:
        return await self._embedder.list_models(request)
