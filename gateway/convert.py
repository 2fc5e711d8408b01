"""Messages to values and back."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from dataclasses import replace
from uuid import uuid4

from google.protobuf.duration_pb2 import Duration

from gateway.events import Acknowledged, Backoff, Event, Item
from gateway.ports import Answer, Entry, Indexed, Outcome, Picture, Question
from likeness.v1 import image_search_pb2, types_pb2
from servicekit import status, times
from servicekit.errors import ServiceError, invalid_field

_OUTCOMES = {
    Outcome.CREATED: image_search_pb2.IndexResult.OUTCOME_CREATED,
    Outcome.UPDATED: image_search_pb2.IndexResult.OUTCOME_UPDATED,
    Outcome.UNCHANGED: image_search_pb2.IndexResult.OUTCOME_UNCHANGED,
}


def _entry(position: int, message: image_search_pb2.ImageEntry) -> Entry:
    entry = Entry(position, message.image_id, _picture(message.image), message.uri, message.attributes)
    if not message.HasField("expected_update_time"):
        return entry
    problem = times.problem_of("expected_update_time", message.expected_update_time)
    return replace(entry, expected=message.expected_update_time, write_id=str(uuid4()), problem=problem)


async def from_ingest(requests: AsyncIterator[image_search_pb2.IngestImagesRequest]) -> AsyncGenerator[Item]:
    """Yield the items of a stream."""
    async for request in requests:
        entry = _entry(0, request.entry) if request.HasField("entry") else None
        yield Item(request.item_id, request.collection, entry)


def to_ingest_response(event: Event) -> image_search_pb2.IngestImagesResponse:
    """Return one event of a stream as a message."""
    if isinstance(event, Acknowledged):
        return image_search_pb2.IngestImagesResponse(result=to_result(event.indexed), item_id=event.item_id)
    if isinstance(event, Backoff):
        return image_search_pb2.IngestImagesResponse(
            backoff=image_search_pb2.Backoff(max_in_flight=event.max_in_flight)
        )
    return image_search_pb2.IngestImagesResponse(draining=image_search_pb2.Draining())


def _picture(message: types_pb2.Image) -> Picture:
    return Picture(message.content, message)


def from_entries(request: image_search_pb2.IndexImagesRequest) -> list[Entry]:
    """Return the images to index."""
    return [_entry(i, entry) for i, entry in enumerate(request.entries)]


def from_question(request: image_search_pb2.SearchImagesRequest | image_search_pb2.CompareModelsRequest) -> Question:
    """Return what to look for.

    Raises:
        InvalidField: neither a picture nor an image id is given.
    """
    kind = request.WhichOneof("query")
    if kind is None:
        raise invalid_field("query", "give an image or an image_id")
    picture = _picture(request.image) if kind == "image" else None
    partial = (
        isinstance(request, image_search_pb2.SearchImagesRequest)
        and not request.models
        and not request.require_all_models
    )
    return Question(request.collection, picture, list(request.models), request, partial)


def to_result(indexed: Indexed) -> image_search_pb2.IndexResult:
    """Return what became of one image as a message."""
    result = image_search_pb2.IndexResult(image_id=indexed.image_id, content_sha256=indexed.content_sha256)
    if indexed.error:
        result.error.CopyFrom(status.to_status(indexed.error))
    elif indexed.outcome:
        result.outcome = _OUTCOMES[indexed.outcome]
    return result


def to_index_response(indexed: Iterable[Indexed]) -> image_search_pb2.IndexImagesResponse:
    """Return what became of a batch as a message."""
    return image_search_pb2.IndexImagesResponse(results=map(to_result, indexed))


def to_search_response(answer: Answer) -> image_search_pb2.SearchImagesResponse:
    """Return an answer as a message."""
    return image_search_pb2.SearchImagesResponse(
        hits=answer.found.hits,
        per_model=answer.found.per_model,
        model_errors=[*answer.found.model_errors, *map(_model_error, answer.failed.items())],
        timings=image_search_pb2.Timings(
            total=_duration(answer.total_seconds),
            embed=_duration(answer.embed_seconds),
            search=_duration(answer.search_seconds),
        ),
    )


def _model_error(failed: tuple[str, ServiceError]) -> types_pb2.ModelError:
    model, error = failed
    return types_pb2.ModelError(model=model, error=status.to_status(error))


def to_compare_response(answer: Answer) -> image_search_pb2.CompareModelsResponse:
    """Return a comparison as a message."""
    return image_search_pb2.CompareModelsResponse(per_model=answer.found.per_model, agreements=answer.found.agreements)


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration
