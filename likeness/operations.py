"""The calls of a client as values: which method, with what, and how its answer is read. Nothing here waits."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Generic, TypeVar

from likeness import results
from likeness.entries import Entry, require_entry, require_sendable
from likeness.errors import LikenessError
from likeness.filters import Where, as_selection
from likeness.options import flag, names, text
from likeness.pictures import Picture, encoded, require_picture
from likeness.places import renumbered
from likeness.v1 import embedder_pb2, types_pb2
from likeness.v1 import image_search_pb2 as pb

Result = TypeVar("Result")
Options = Mapping[str, Any]
"""Of one call, as `options.checked` returns them."""
Explain = Callable[[LikenessError], LikenessError]
"""Says what the server answered in the terms of the caller."""


@dataclass(frozen=True, slots=True)
class Operation(Generic[Result]):
    """One call of ImageSearchService; with no request there is nothing to call for, and `read` takes None."""

    method: str
    request: Any
    read: Callable[[Any], Result]
    explain: Explain = lambda error: error

    def __post_init__(self) -> None:
        """Refuse what gRPC would not send.

        Raises:
            LikenessError: MESSAGE_TOO_LARGE.
        """
        if self.request is not None:
            require_sendable(self.request)


def search(name: str, picture: Picture | None, options: Options) -> Operation[results.SearchResult]:
    """Find the look-alikes of a picture, or of `options["image_id"]`."""
    method = f"METHOD_{options['fusion']}" if "fusion" in options else None
    fusion = types_pb2.Fusion(method=method, weights=options.get("weights"))
    fields = {**_query(name, picture, options), **_given(options, _SEARCH_FIELDS)}
    request = pb.SearchImagesRequest(fusion=fusion, **fields)
    return Operation("SearchImages", request, results.search_result)


def compare(name: str, picture: Picture | None, options: Options) -> Operation[results.Comparison]:
    """Ask several models the same question."""
    return Operation("CompareModels", pb.CompareModelsRequest(**_query(name, picture, options)), results.comparison)


def index(name: str, entries: Iterable[Entry], request_id: str) -> Operation[list[results.Indexed]]:
    """Add or replace 1 to 64 images, together under 32 MiB; one that cannot be sent fails alone."""
    prepared = [_prepared(number, entry) for number, entry in enumerate(entries)]
    messages = [message for message in prepared if isinstance(message, pb.ImageEntry)]
    explain = partial(renumbered, sent=[n for n, message in enumerate(prepared) if isinstance(message, pb.ImageEntry)])
    if prepared and not messages:
        return Operation("IndexImages", None, lambda _: _merged(prepared, (), explain))
    request = pb.IndexImagesRequest(collection=name, entries=messages, request_id=text("request_id", request_id))
    return Operation("IndexImages", request, lambda answer: _merged(prepared, answer.results, explain), explain)


def get(name: str, image_id: str) -> Operation[results.ImageRecord]:
    """Read one record."""
    request = pb.GetImageRequest(collection=name, image_id=text("image_id", image_id))
    return Operation("GetImage", request, lambda answer: results.record(answer.image))


def page(name: str, token: str, options: Options) -> Operation[tuple[list[results.ImageRecord], str]]:
    """List a page of records, and the token of the next one."""
    request = pb.ListImagesRequest(
        collection=name, page_token=token, filter=options.get("where"), **_given(options, {"missing_model"})
    )
    return Operation(
        "ListImages", request, lambda a: ([results.record(image) for image in a.images], a.next_page_token)
    )


def delete(name: str, image_ids: Sequence[str]) -> Operation[results.Deleted]:
    """Delete up to 1,000 images."""
    request = pb.DeleteImagesRequest(collection=name, image_ids=names("image_ids", image_ids))
    return Operation("DeleteImages", request, _deleted)


def delete_where(name: str, where: Where) -> Operation[results.Deleted]:
    """Delete all images that a filter holds for; one with an empty list of conditions is refused."""
    request = pb.DeleteImagesRequest(collection=name, filter=as_selection("where", where), force=True)
    return Operation("DeleteImages", request, _deleted)


def create_collection(name: str, options: Options) -> Operation[results.Collection]:
    """Make a collection."""
    metric = f"METRIC_{options['metric']}" if "metric" in options else None
    made = pb.Collection(name=text("name", name), metric=metric, **_given(options, {"models", "description"}))
    request = pb.CreateCollectionRequest(collection=made)
    return Operation("CreateCollection", request, lambda answer: results.collection(answer.collection))


def get_collection(name: str) -> Operation[results.Collection]:
    """Describe a collection."""
    request = pb.GetCollectionRequest(name=text("name", name))
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
    request = pb.DeleteCollectionRequest(name=text("name", name), force=flag("force", force))
    return Operation("DeleteCollection", request, lambda _: None)


def list_models() -> Operation[list[results.Model]]:
    """List the models that are served."""
    request = embedder_pb2.ListModelsRequest()
    return Operation("ListModels", request, lambda answer: [results.model(found) for found in answer.models])


_COMPARE_FIELDS = frozenset({"models", "top_k"})
_SEARCH_FIELDS = frozenset({"max_distance", "exclude_self", "include_attributes", "require_all_models"})


def _query(name: str, picture: Picture | None, options: Options) -> dict[str, Any]:
    if (picture is None) == ("image_id" not in options):
        raise LikenessError("INVALID_ARGUMENT", "INVALID_FIELD", "give a picture or image_id, and not both")
    fields = {"collection": name, "filter": options.get("where"), **_given(options, _COMPARE_FIELDS)}
    if options.get("strong"):
        fields["consistency"] = types_pb2.CONSISTENCY_STRONG
    if picture is not None:
        fields["image"] = types_pb2.Image(content=encoded(require_picture(picture)))
    return {**fields, **_given(options, {"image_id"})}


def _given(options: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: options[name] for name in names if name in options}


def _prepared(number: int, entry: Entry) -> pb.ImageEntry | results.Indexed:
    try:
        return require_entry(f"entries[{number}]", entry).message()
    except LikenessError as error:
        return results.Indexed(entry.image_id, error=error.of(f"entries[{number}]"))


def _merged(prepared: Sequence[Any], answered: Iterable[pb.IndexResult], explain: Explain) -> list[results.Indexed]:
    """Return the results in the order of the entries, those that could not be sent among them."""
    read = (results.indexed(result) for result in answered)
    rest = (replace(result, error=explain(result.error)) if result.error else result for result in read)
    return [one if isinstance(one, results.Indexed) else next(rest) for one in prepared]


def _deleted(answer: pb.DeleteImagesResponse) -> results.Deleted:
    return results.Deleted(answer.deleted_count, tuple(answer.missing_ids))
