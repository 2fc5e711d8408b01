"""The two services behind the gateway, over their stubs."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any, TypeVar

import grpc

from gateway import convert
from gateway.ports import Checked, Embedded, Indexed, Model, Outcome, Payload, Picture, Question, Version
from likeness.v1 import embedder_pb2, embedder_pb2_grpc, image_search_pb2, search_pb2, search_pb2_grpc, types_pb2
from servicekit import channel, status
from servicekit.errors import ServiceError

Response = TypeVar("Response")
_OUTCOMES = {
    image_search_pb2.IndexResult.OUTCOME_CREATED: Outcome.CREATED,
    image_search_pb2.IndexResult.OUTCOME_UPDATED: Outcome.UPDATED,
    image_search_pb2.IndexResult.OUTCOME_UNCHANGED: Outcome.UNCHANGED,
}


class EmbedderClient:
    """The embedder."""

    def __init__(self, connection: grpc.aio.Channel, timeout_seconds: float) -> None:
        self._stub = embedder_pb2_grpc.EmbedderServiceStub(connection)
        self._timeout = timeout_seconds

    async def list_models(self, request: embedder_pb2.ListModelsRequest) -> embedder_pb2.ListModelsResponse:
        """Hand the call on."""
        return await self._call(self._stub.ListModels, request)

    async def models(self) -> list[Model]:
        """See Embedder."""
        response = await self.list_models(embedder_pb2.ListModelsRequest())
        return [Model(model.name, model.fingerprint, model.dimension) for model in response.models]

    async def embed(self, pictures: Sequence[Picture], models: Sequence[str]) -> list[Embedded]:
        """See Embedder."""
        request = embedder_pb2.EmbedRequest(
            images=[picture.source for picture in pictures],
            models=models,
            encoding=types_pb2.VECTOR_ENCODING_FLOAT32_LE,
        )
        response: embedder_pb2.EmbedResponse = await self._call(self._stub.Embed, request)
        return [_embedded(result) for result in response.results]

    async def _call(self, method: Callable[..., Awaitable[Response]], request: Any) -> Response:
        return await channel.call(method, request, stage="infer", cap_seconds=self._timeout)


class SearchClient:
    """The search service. `long_timeout_seconds` is for the calls that search with every image of a collection."""

    def __init__(self, connection: grpc.aio.Channel, timeout_seconds: float, long_timeout_seconds: float) -> None:
        self._stub = search_pb2_grpc.SearchServiceStub(connection)
        self._timeout = timeout_seconds
        self._long_timeout = long_timeout_seconds

    async def hand_on(self, method: str, request: Payload) -> Payload:
        """Make a call that both services have in common, with the caller's own request."""
        return await self._call(getattr(self._stub, method), request)

    async def evaluate(self, request: Payload) -> Payload:
        """See Search."""
        return await channel.call(self._stub.EvaluateModels, request, stage="search", cap_seconds=self._long_timeout)

    def duplicates(self, request: Payload) -> AsyncGenerator[Payload]:
        """See Search."""
        return channel.stream(self._stub.FindDuplicates, request, stage="search", cap_seconds=self._long_timeout)

    async def create(self, collection: Payload, models: Sequence[Model]) -> Payload:
        """See Search."""
        request = image_search_pb2.CreateCollectionRequest(collection=collection)
        request.collection.ClearField("bindings")
        for model in models:
            request.collection.bindings.add(model=model.name, fingerprint=model.fingerprint, dimension=model.dimension)
        return (await self.hand_on("CreateCollection", request)).collection

    async def add_model(self, collection: str, model: Model) -> Payload:
        """See Search."""
        request = search_pb2.AddBindingRequest(collection=collection)
        request.binding.model, request.binding.fingerprint = model.name, model.fingerprint
        request.binding.dimension = model.dimension
        response: search_pb2.AddBindingResponse = await self._call(self._stub.AddBinding, request)
        return response.collection

    async def models_of(self, collection: str) -> list[str]:
        """See Search."""
        return list((await self._collection(collection)).models)

    async def bound_to(self, collection: str) -> list[str]:
        """See Search."""
        return [binding.model for binding in (await self._collection(collection)).bindings]

    async def _collection(self, name: str) -> image_search_pb2.Collection:
        response: image_search_pb2.GetCollectionResponse = await self.hand_on(
            "GetCollection", image_search_pb2.GetCollectionRequest(name=name)
        )
        return response.collection

    async def check(self, collection: str, versions: Sequence[Version]) -> tuple[list[str], list[Checked]]:
        """See Search."""
        request = search_pb2.CheckImagesRequest(collection=collection, images=map(_version, versions))
        response: search_pb2.CheckImagesResponse = await self._call(self._stub.CheckImages, request)
        # Those that are being built too.
        models = [binding.model for binding in response.collection.bindings]
        return models, [
            Checked(r.unchanged, list(r.missing_models) if r.content_known else models, _error(r))
            for r in response.results
        ]

    async def find(self, collection: str, sha256: str) -> tuple[list[str], bool]:
        """See Search."""
        request = search_pb2.FindContentRequest(collection=collection, content_sha256=sha256)
        response: search_pb2.FindContentResponse = await self._call(self._stub.FindContent, request)
        return list(response.collection.models), bool(response.image_id)

    async def recall(self, collection: str, request_id: str, body_sha256: str) -> list[Indexed] | None:
        """See Search."""
        request = search_pb2.RecallAnswerRequest(collection=collection, request_id=request_id, body_sha256=body_sha256)
        response: search_pb2.RecallAnswerResponse = await self._call(self._stub.RecallAnswer, request)
        return _indexed(response.answer) if response.HasField("answer") else None

    async def keep(
        self, collection: str, request_id: str, body_sha256: str, answer: Sequence[Indexed]
    ) -> list[Indexed]:
        """See Search."""
        request = search_pb2.KeepAnswerRequest(
            collection=collection,
            request_id=request_id,
            body_sha256=body_sha256,
            answer=convert.to_index_response(answer),
        )
        response: search_pb2.KeepAnswerResponse = await self._call(self._stub.KeepAnswer, request)
        return _indexed(response.answer)

    async def upsert(self, collection: str, images: Sequence[tuple[Version, Embedded]]) -> list[Indexed]:
        """See Search."""
        request = search_pb2.UpsertImagesRequest(
            collection=collection,
            images=[
                search_pb2.ImageVectors(
                    version=_version(version),
                    width_px=embedded.width_px,
                    height_px=embedded.height_px,
                    embeddings=embedded.embeddings,
                    reuse_vectors=embedded.reuse,
                )
                for version, embedded in images
            ],
        )
        response: search_pb2.UpsertImagesResponse = await self._call(self._stub.UpsertImages, request)
        return _indexed(response)

    async def search(self, question: Question, query: Embedded | None) -> Payload:
        """See Search."""
        given = question.request
        request = search_pb2.SearchRequest(
            collection=question.collection,
            models=question.models,
            top_k=given.top_k,
            max_distance=given.max_distance if given.HasField("max_distance") else None,
            exclude_self=given.exclude_self,
            include_attributes=given.include_attributes,
            require_all_models=given.require_all_models,
            filter=given.filter if given.HasField("filter") else None,
            fusion=given.fusion,
            consistency=given.consistency,
            search_params=given.search_params,
            **_query(question, query),
        )
        return await self._call(self._stub.Search, request)

    async def compare(self, question: Question, query: Embedded | None) -> Payload:
        """See Search."""
        given = question.request
        request = search_pb2.CompareRequest(
            collection=question.collection,
            models=question.models,
            top_k=given.top_k,
            filter=given.filter if given.HasField("filter") else None,
            consistency=given.consistency,
            search_params=given.search_params,
            **_query(question, query),
        )
        return await self._call(self._stub.Compare, request)

    async def _call(self, method: Callable[..., Awaitable[Response]], request: Any) -> Response:
        return await channel.call(method, request, stage="search", cap_seconds=self._timeout)


def _query(question: Question, query: Embedded | None) -> dict[str, Any]:
    if query is None:
        return {"image_id": question.request.image_id}
    return {
        "vectors": search_pb2.QueryVectors(embeddings=query.embeddings, content_sha256=query.content_sha256),
    }


def _indexed(response: search_pb2.UpsertImagesResponse | image_search_pb2.IndexImagesResponse) -> list[Indexed]:
    return [
        Indexed(result.image_id, result.content_sha256, _OUTCOMES.get(result.outcome), _error(result))
        for result in response.results
    ]


def _version(version: Version) -> search_pb2.ImageVersion:
    return search_pb2.ImageVersion(
        image_id=version.image_id,
        content_sha256=version.content_sha256,
        uri=version.entry.uri,
        attributes=version.entry.attributes,
        expected_update_time=version.entry.expected,
        write_id=version.entry.write_id,
    )


def _embedded(result: embedder_pb2.EmbedResult) -> Embedded:
    return Embedded(result.content_sha256, result.width_px, result.height_px, result.embeddings, _error(result))


def _error(result: Any) -> ServiceError | None:
    """Return the error of one item of a batch, if it has one."""
    return status.from_status(result.error) if result.HasField("error") else None
