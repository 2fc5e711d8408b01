"""The calls of a client as values: which method, with what, and how its answer is read. Nothing here waits."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypedDict, TypeVar

from google.protobuf import json_format, struct_pb2

from likeness import results
from likeness.errors import LikenessError
from likeness.pictures import Picture, encoded
from likeness.v1 import embedder_pb2, types_pb2
from likeness.v1 import image_search_pb2 as pb

Result = TypeVar("Result")
Where = types_pb2.Filter | Mapping[str, Any]
"""A filter of the contract, or what each attribute must equal; a list stands for any of its members."""


class CallOptions(TypedDict, total=False):
    """What every call takes: a collection other than the client's, and a timeout other than the service config's."""

    collection: str
    timeout_seconds: float


class CompareOptions(CallOptions, total=False):
    """How to look: `models` by name, none for all; `top_k` in [1, 1000], 10 by default; `where` the filter."""

    image_id: str
    models: Sequence[str]
    top_k: int
    where: Where
    strong: bool


class SearchOptions(CompareOptions, total=False):
    """As CompareOptions; `weights` by model, and `fusion` RECIPROCAL_RANK or WEIGHTED_DISTANCE, make the fused list."""

    max_distance: float
    exclude_self: bool
    fusion: Literal["RECIPROCAL_RANK", "WEIGHTED_DISTANCE"]
    weights: Mapping[str, float]
    include_attributes: bool
    require_all_models: bool


class ListOptions(CallOptions, total=False):
    """Which records: those that a filter holds for, those that have no vector of a model."""

    where: Where
    missing_model: str


class CollectionOptions(TypedDict, total=False):
    """A new collection: `models` by name, none for all that are served; `metric` L2 or COSINE."""

    models: Sequence[str]
    metric: Literal["L2", "COSINE"]
    description: str
    timeout_seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One image to index; without an id it is called by the SHA-256 of its bytes. Equal to itself alone."""

    picture: Picture
    image_id: str = ""
    uri: str = ""
    attributes: Mapping[str, Any] = field(default_factory=dict)

    def message(self) -> pb.ImageEntry:
        """Return it encoded.

        Raises:
            LikenessError: there is no such file, or it is no picture.
        """
        entry = pb.ImageEntry(image_id=self.image_id, uri=self.uri)
        entry.image.content = encoded(self.picture)
        if self.attributes:
            entry.attributes.update(self.attributes)
        return entry


@dataclass(frozen=True, slots=True)
class Operation(Generic[Result]):
    """One call of ImageSearchService."""

    method: str
    request: Any
    read: Callable[[Any], Result]


def search(name: str, picture: Picture | None, options: SearchOptions) -> Operation[results.SearchResult]:
    """Find the look-alikes of a picture, or of `options["image_id"]`."""
    method = f"METHOD_{options['fusion']}" if "fusion" in options else None
    fusion = types_pb2.Fusion(method=method, weights=options.get("weights"))
    fields = {**_query(name, picture, options), **_given(options, _SEARCH_FIELDS)}
    request = pb.SearchImagesRequest(fusion=fusion, **fields)
    return Operation("SearchImages", request, results.search_result)


def compare(name: str, picture: Picture | None, options: CompareOptions) -> Operation[results.Comparison]:
    """Ask several models the same question."""
    return Operation("CompareModels", pb.CompareModelsRequest(**_query(name, picture, options)), results.comparison)


def index(name: str, entries: Iterable[Entry], request_id: str) -> Operation[list[results.Indexed]]:
    """Add or replace 1 to 64 images, together under 32 MiB."""
    messages = [entry.message() for entry in entries]
    request = pb.IndexImagesRequest(collection=name, entries=messages, request_id=request_id)
    return Operation("IndexImages", request, lambda answer: [results.indexed(result) for result in answer.results])


def get(name: str, image_id: str) -> Operation[results.ImageRecord]:
    """Read one record."""
    request = pb.GetImageRequest(collection=name, image_id=image_id)
    return Operation("GetImage", request, lambda answer: results.record(answer.image))


def page(name: str, token: str, options: ListOptions) -> Operation[tuple[list[results.ImageRecord], str]]:
    """List a page of records, and the token of the next one."""
    request = pb.ListImagesRequest(
        collection=name, page_token=token, filter=_filter(options), **_given(options, {"missing_model"})
    )
    return Operation(
        "ListImages", request, lambda a: ([results.record(image) for image in a.images], a.next_page_token)
    )


def delete(name: str, image_ids: Sequence[str]) -> Operation[results.Deleted]:
    """Delete up to 1,000 images."""
    return Operation("DeleteImages", pb.DeleteImagesRequest(collection=name, image_ids=image_ids), _deleted)


def delete_where(name: str, where: Where) -> Operation[results.Deleted]:
    """Delete all images that a filter holds for."""
    request = pb.DeleteImagesRequest(collection=name, filter=_filter({"where": where}), force=True)
    return Operation("DeleteImages", request, _deleted)


def create_collection(name: str, options: CollectionOptions) -> Operation[results.Collection]:
    """Make a collection."""
    metric = f"METRIC_{options['metric']}" if "metric" in options else None
    made = pb.Collection(name=name, metric=metric, **_given(options, {"models", "description"}))
    request = pb.CreateCollectionRequest(collection=made)
    return Operation("CreateCollection", request, lambda answer: results.collection(answer.collection))


def get_collection(name: str) -> Operation[results.Collection]:
    """Describe a collection."""
    request = pb.GetCollectionRequest(name=name)
    return Operation("GetCollection", request, lambda answer: results.collection(answer.collection))


def collection_page(token: str) -> Operation[tuple[list[results.Collection], str]]:
    """List a page of collections, and the token of the next one."""
    request = pb.ListCollectionsRequest(page_token=token)
    return Operation(
        "ListCollections",
        request,
        lambda a: ([results.collection(found) for found in a.collections], a.next_page_token),
    )


def delete_collection(name: str, force: bool) -> Operation[None]:
    """Delete a collection."""
    return Operation("DeleteCollection", pb.DeleteCollectionRequest(name=name, force=force), lambda _: None)


def list_models() -> Operation[list[results.Model]]:
    """List the models that are served."""
    request = embedder_pb2.ListModelsRequest()
    return Operation("ListModels", request, lambda answer: [results.model(found) for found in answer.models])


_COMPARE_FIELDS = frozenset({"models", "top_k"})
_SEARCH_FIELDS = frozenset({"max_distance", "exclude_self", "include_attributes", "require_all_models"})


def _query(name: str, picture: Picture | None, options: CompareOptions) -> dict[str, Any]:
    if (picture is None) == ("image_id" not in options):
        raise LikenessError("INVALID_ARGUMENT", "INVALID_FIELD", "give a picture or image_id, and not both")
    fields = {"collection": name, "filter": _filter(options), **_given(options, _COMPARE_FIELDS)}
    if options.get("strong"):
        fields["consistency"] = types_pb2.CONSISTENCY_STRONG
    if picture is not None:
        fields["image"] = types_pb2.Image(content=encoded(picture))
    return {**fields, **_given(options, {"image_id"})}


def _given(options: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: options[name] for name in names if name in options}


def _filter(options: Mapping[str, Any]) -> types_pb2.Filter | None:
    where = options.get("where")
    if where is None or isinstance(where, types_pb2.Filter):
        return where
    conditions = [types_pb2.Filter(condition=_condition(name, value)) for name, value in where.items()]
    return types_pb2.Filter(all_of=types_pb2.FilterList(filters=conditions))


def _condition(name: str, value: Any) -> types_pb2.Condition:
    if isinstance(value, list | tuple | set | frozenset):
        members = struct_pb2.ListValue()
        members.extend(value)
        return types_pb2.Condition(attribute=name, in_list=members)
    return types_pb2.Condition(attribute=name, equals=json_format.ParseDict(value, struct_pb2.Value()))


def _deleted(answer: pb.DeleteImagesResponse) -> results.Deleted:
    return results.Deleted(answer.deleted_count, tuple(answer.missing_ids))
