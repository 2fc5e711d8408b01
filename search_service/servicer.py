"""SearchService: messages to values, one call, values to messages."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import grpc

from likeness.v1 import image_search_pb2 as public
from likeness.v1 import search_pb2, search_pb2_grpc
from search_service import convert, convert_collection, convert_evaluation
from search_service.answers import Answers
from search_service.catalogue import Catalogue, Described
from search_service.contents import Contents
from search_service.convert_filter import from_filter
from search_service.duplicates import Duplicates
from search_service.evaluation import Evaluator
from search_service.images import Images
from search_service.index import Index
from search_service.model_change import ModelChanges
from search_service.writer import Writer

Context = grpc.aio.ServicerContext[Any, Any]


class SearchServicer(search_pb2_grpc.SearchServiceServicer):
    """The proto service over the core."""

    def __init__(
        self,
        catalogue: Catalogue,
        writer: Writer,
        images: Images,
        index: Index,
        *,
        models: ModelChanges,
        contents: Contents,
        answers: Answers,
        evaluator: Evaluator,
        duplicates: Duplicates,
    ) -> None:
        self._catalogue = catalogue
        self._writer = writer
        self._models = models
        self._contents = contents
        self._answers = answers
        self._images = images
        self._index = index
        self._evaluator = evaluator
        self._duplicates = duplicates

    async def CreateCollection(
        self, request: public.CreateCollectionRequest, context: Context
    ) -> public.CreateCollectionResponse:
        made = await self._catalogue.create(convert_collection.from_collection(request.collection))
        return public.CreateCollectionResponse(collection=convert_collection.to_collection(made))

    async def GetCollection(
        self, request: public.GetCollectionRequest, context: Context
    ) -> public.GetCollectionResponse:
        found = await self._catalogue.get(request.name)
        return public.GetCollectionResponse(collection=convert_collection.to_collection(found))

    async def ListCollections(
        self, request: public.ListCollectionsRequest, context: Context
    ) -> public.ListCollectionsResponse:
        page = await self._catalogue.page(request.page_size, request.page_token)
        collections = [convert_collection.to_collection(described) for described in page.collections]
        return public.ListCollectionsResponse(collections=collections, next_page_token=page.next_token)

    async def DeleteCollection(
        self, request: public.DeleteCollectionRequest, context: Context
    ) -> public.DeleteCollectionResponse:
        await self._catalogue.delete(request.name, force=request.force)
        return public.DeleteCollectionResponse()

    async def AddBinding(
        self, request: search_pb2.AddBindingRequest, context: Context
    ) -> search_pb2.AddBindingResponse:
        changed = await self._models.add(request.collection, convert_collection.from_binding(request.binding))
        return search_pb2.AddBindingResponse(collection=convert_collection.to_collection(changed))

    async def ActivateModel(
        self, request: public.ActivateModelRequest, context: Context
    ) -> public.ActivateModelResponse:
        asked = (request.collection, request.model, request.replaces)
        changed = await self._models.activate(*asked, force=request.force)
        return public.ActivateModelResponse(collection=convert_collection.to_collection(changed))

    async def RemoveModel(self, request: public.RemoveModelRequest, context: Context) -> public.RemoveModelResponse:
        changed = await self._models.remove(request.collection, request.model, force=request.force)
        return public.RemoveModelResponse(collection=convert_collection.to_collection(changed))

    async def CheckImages(
        self, request: search_pb2.CheckImagesRequest, context: Context
    ) -> search_pb2.CheckImagesResponse:
        versions = [convert.from_version(image) for image in request.images]
        expected = [convert.from_expected(image, f"images[{i}]") for i, image in enumerate(request.images)]
        collection, known = await self._writer.check(request.collection, versions, expected)
        return search_pb2.CheckImagesResponse(
            collection=convert_collection.to_collection(Described(collection)),
            results=[convert.to_check_result(version, has) for version, has in zip(versions, known, strict=True)],
        )

    async def UpsertImages(
        self, request: search_pb2.UpsertImagesRequest, context: Context
    ) -> search_pb2.UpsertImagesResponse:
        images = [convert.from_image(image, f"images[{i}]") for i, image in enumerate(request.images)]
        outcomes = await self._writer.upsert(request.collection, images)
        results = [convert.to_index_result(i.version, outcome) for i, outcome in zip(images, outcomes, strict=True)]
        return search_pb2.UpsertImagesResponse(results=results)

    async def FindContent(
        self, request: search_pb2.FindContentRequest, context: Context
    ) -> search_pb2.FindContentResponse:
        collection, holder = await self._contents.find(request.collection, request.content_sha256)
        return search_pb2.FindContentResponse(
            collection=convert_collection.to_collection(Described(collection)),
            image_id=holder.version.image_id if holder else "",
        )

    async def RecallAnswer(
        self, request: search_pb2.RecallAnswerRequest, context: Context
    ) -> search_pb2.RecallAnswerResponse:
        answer = await self._answers.recall(request.collection, request.request_id, request.body_sha256)
        return search_pb2.RecallAnswerResponse(answer=None if answer is None else convert.from_kept(answer))

    async def KeepAnswer(
        self, request: search_pb2.KeepAnswerRequest, context: Context
    ) -> search_pb2.KeepAnswerResponse:
        answer = request.answer.SerializeToString()
        standing = await self._answers.keep(request.collection, request.request_id, request.body_sha256, answer)
        return search_pb2.KeepAnswerResponse(answer=convert.from_kept(standing))

    async def Search(self, request: search_pb2.SearchRequest, context: Context) -> search_pb2.SearchResponse:
        answer = await self._index.search(convert.from_search(request))
        return convert.to_search_response(answer, include_attributes=request.include_attributes)

    async def Compare(self, request: search_pb2.CompareRequest, context: Context) -> search_pb2.CompareResponse:
        return convert.to_compare_response(await self._index.compare(convert.from_compare(request)))

    async def EvaluateModels(
        self, request: public.EvaluateModelsRequest, context: Context
    ) -> public.EvaluateModelsResponse:
        return convert_evaluation.to_response(await self._evaluator.evaluate(convert_evaluation.from_request(request)))

    async def FindDuplicates(
        self, request: public.FindDuplicatesRequest, context: Context
    ) -> AsyncIterator[public.FindDuplicatesResponse]:
        groups = self._duplicates.groups(request.collection, request.model, request.max_distance)
        async with aclosing(groups) as found:
            async for image_ids in found:
                yield public.FindDuplicatesResponse(image_ids=image_ids)

    async def GetImage(self, request: public.GetImageRequest, context: Context) -> public.GetImageResponse:
        record = await self._images.get(request.collection, request.image_id)
        return public.GetImageResponse(image=convert.to_record(record))

    async def ListImages(self, request: public.ListImagesRequest, context: Context) -> public.ListImagesResponse:
        condition = from_filter(request.filter) if request.HasField("filter") else None
        page = await self._images.page(
            request.collection,
            request.page_size,
            request.page_token,
            condition,
            missing_model=request.missing_model,
        )
        return convert.to_list_response(page)

    async def DeleteImages(self, request: public.DeleteImagesRequest, context: Context) -> public.DeleteImagesResponse:
        condition = from_filter(request.filter) if request.HasField("filter") else None
        deleted = await self._images.delete(request.collection, request.image_ids, condition, force=request.force)
        return public.DeleteImagesResponse(deleted_count=deleted.count, missing_ids=deleted.missing)
