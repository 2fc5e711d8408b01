"""Messages to values and back. Numpy arrays and Structs are made here and nowhere else."""

from collections.abc import Mapping
from typing import Any, TypeVar

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp
from google.rpc import status_pb2

from likeness.v1 import embedder_pb2, image_search_pb2, search_pb2, types_pb2
from search_service import fusion, images, index, limits, ports, query, reading, values, writer
from search_service.convert_filter import from_filter
from search_service.convert_struct import plain
from servicekit import status, times
from servicekit.errors import InvalidField, invalid_field

T = TypeVar("T")
Enum = TypeVar("Enum", bound=int)
DEFAULT_TOP_K = 10
METRICS = {
    types_pb2.METRIC_UNSPECIFIED: values.Metric.L2,
    types_pb2.METRIC_L2: values.Metric.L2,
    types_pb2.METRIC_COSINE: values.Metric.COSINE,
}
METRIC_VALUES = {values.Metric.L2: types_pb2.METRIC_L2, values.Metric.COSINE: types_pb2.METRIC_COSINE}
_METHODS = {
    types_pb2.Fusion.METHOD_UNSPECIFIED: fusion.Method.RECIPROCAL_RANK,
    types_pb2.Fusion.METHOD_RECIPROCAL_RANK: fusion.Method.RECIPROCAL_RANK,
    types_pb2.Fusion.METHOD_WEIGHTED_DISTANCE: fusion.Method.WEIGHTED_DISTANCE,
}
_CONSISTENCIES = {
    types_pb2.CONSISTENCY_UNSPECIFIED: reading.Consistency.BOUNDED,
    types_pb2.CONSISTENCY_BOUNDED: reading.Consistency.BOUNDED,
    types_pb2.CONSISTENCY_STRONG: reading.Consistency.STRONG,
}
_OUTCOMES = {
    values.Outcome.CREATED: image_search_pb2.IndexResult.OUTCOME_CREATED,
    values.Outcome.UPDATED: image_search_pb2.IndexResult.OUTCOME_UPDATED,
    values.Outcome.UNCHANGED: image_search_pb2.IndexResult.OUTCOME_UNCHANGED,
}


def known(field: str, values: Mapping[Enum, T], value: Enum) -> T:
    """Return what a number of an enum means.

    Raises:
        InvalidField: it means nothing.
    """
    if value not in values:
        raise invalid_field(field, f"{value} is no value of this enum")
    return values[value]


def from_version(message: search_pb2.ImageVersion) -> values.Version:
    """Return what a caller says an image is."""
    attributes = {name: plain(value) for name, value in message.attributes.fields.items()}
    return values.Version(message.image_id, message.content_sha256, message.uri, attributes)


def from_expected(message: search_pb2.ImageVersion, field: str) -> values.Expected | None:
    """Return when the image must have been last written, or None; `field` is its place in the request.

    A time between two milliseconds is that of no write, and stands as -1.

    Raises:
        InvalidField: it is no time, or the write has a wrong name.
    """
    if not message.HasField("expected_update_time"):
        return None
    if problem := times.problem_of(f"{field}.expected_update_time", message.expected_update_time):
        raise problem
    milliseconds, rest = divmod(message.expected_update_time.ToNanoseconds(), 1_000_000)
    limits.require_write_id(f"{field}.write_id", message.write_id)
    return values.Expected(-1 if rest else milliseconds, message.write_id)


def from_image(message: search_pb2.ImageVectors, field: str) -> writer.NewImage:
    """Return an image to write; `field` is its place in the request."""
    vectors = [from_embedding(each, f"{field}.embeddings[{i}]") for i, each in enumerate(message.embeddings)]
    reuse = message.reuse_vectors or not vectors
    version, expected = from_version(message.version), from_expected(message.version, field)
    return writer.NewImage(version, message.width_px, message.height_px, vectors, reuse, expected)


def from_embedding(message: embedder_pb2.Embedding, field: str) -> writer.ModelVector:
    """Return one model's vector, from whichever of its two spellings is set; `field` is its place in the request.

    Raises:
        InvalidField: both are set, there are bytes left over, or `dimension` is set and is not the vector's.
    """
    packed, values = message.vector.float32_le, message.vector.values
    if packed and values:
        raise invalid_field(f"{field}.vector", "set values or float32_le, not both")
    if len(packed) % 4:
        raise invalid_field(f"{field}.vector.float32_le", f"4 bytes for each component, not {len(packed)} in all")
    vector = np.frombuffer(packed, "<f4") if packed else np.array(values, np.float32)
    if message.dimension not in (0, vector.size):
        raise invalid_field(f"{field}.dimension", f"the vector has {vector.size} components, not {message.dimension}")
    return writer.ModelVector(message.model, message.fingerprint, vector.astype(np.float32, copy=False))


def to_check_result(version: values.Version, has: writer.Known | InvalidField) -> search_pb2.CheckResult:
    """Return what is known of one image as a message."""
    if isinstance(has, InvalidField):
        return search_pb2.CheckResult(error=status.to_status(has))
    if has.stale:
        return search_pb2.CheckResult(error=_stale(version))
    return search_pb2.CheckResult(unchanged=has.unchanged, content_known=has.content, missing_models=has.missing_models)


def to_index_result(version: values.Version, outcome: values.Outcome) -> image_search_pb2.IndexResult:
    """Return what became of one write as a message."""
    result = image_search_pb2.IndexResult(image_id=version.image_id, content_sha256=version.content_sha256)
    if outcome is values.Outcome.CONFLICT:
        result.error.CopyFrom(_conflict(f"another write or delete of {version.image_id!r} won"))
    elif outcome is values.Outcome.GONE:
        result.error.CopyFrom(_conflict(f"the content of {version.image_id!r} is known no more", content="gone"))
    elif outcome is values.Outcome.STALE:
        result.error.CopyFrom(_stale(version))
    else:
        result.outcome = _OUTCOMES[outcome]
    return result


def from_kept(answer: bytes) -> image_search_pb2.IndexImagesResponse:
    """Return an answer that was kept."""
    return image_search_pb2.IndexImagesResponse.FromString(answer)


def _stale(version: values.Version) -> status_pb2.Status:
    return _conflict(f"{version.image_id!r} was not last written at the time expected", image="changed")


def _conflict(message: str, **metadata: str) -> status_pb2.Status:
    return status.to_status(ports.Conflict(message, metadata=metadata))


def from_search(message: search_pb2.SearchRequest) -> query.Query:
    """Return what a caller looks for."""
    return query.Query(
        collection=message.collection,
        **_looked_for(message),
        models=list(message.models),
        top_k=message.top_k or DEFAULT_TOP_K,
        condition=from_filter(message.filter) if message.HasField("filter") else None,
        max_distance=message.max_distance if message.HasField("max_distance") else None,
        exclude_self=message.exclude_self,
        include_attributes=message.include_attributes,
        fusion=from_fusion(message.fusion),
        require_all_models=message.require_all_models,
        consistency=known("consistency", _CONSISTENCIES, message.consistency),
        params=_search_params(message.search_params),
    )


def from_compare(message: search_pb2.CompareRequest) -> query.Query:
    """Return what a caller compares models by."""
    return query.Query(
        collection=message.collection,
        **_looked_for(message),
        models=list(message.models),
        top_k=message.top_k or DEFAULT_TOP_K,
        condition=from_filter(message.filter) if message.HasField("filter") else None,
        require_all_models=True,
        consistency=known("consistency", _CONSISTENCIES, message.consistency),
        params=_search_params(message.search_params),
    )


def _search_params(message: types_pb2.SearchParams) -> reading.SearchParams:
    return reading.SearchParams(message.ef, message.nprobe, message.search_list)


def _looked_for(message: search_pb2.SearchRequest | search_pb2.CompareRequest) -> dict[str, Any]:
    kind = message.WhichOneof("query")
    if kind is None:
        raise invalid_field("query", "give vectors or an image_id")
    given = message.vectors
    if kind == "vectors" and not given.embeddings and not given.content_sha256:
        raise invalid_field("vectors.embeddings", "give vectors, or the hash of a content")
    vectors = [from_embedding(each, f"vectors.embeddings[{i}]") for i, each in enumerate(given.embeddings)]
    return {"vectors": vectors, "content_sha256": given.content_sha256, "image_id": message.image_id}


def from_fusion(message: types_pb2.Fusion) -> fusion.Fusion:
    """Return how lists become one."""
    method = known("fusion.method", _METHODS, message.method)
    return fusion.Fusion(method, dict(message.weights), message.k or fusion.DEFAULT_K)


def to_search_response(answer: index.Answer, *, include_attributes: bool) -> search_pb2.SearchResponse:
    """Return an answer as a message."""
    return search_pb2.SearchResponse(
        hits=[_fused_hit(fused, answer.records, include_attributes) for fused in answer.fused],
        per_model=[_model_hits(ranking, answer.records, include_attributes) for ranking in answer.rankings],
        model_errors=[
            types_pb2.ModelError(model=model, error=status.to_status(error)) for model, error in answer.failed.items()
        ],
    )


def to_compare_response(comparison: index.Comparison) -> search_pb2.CompareResponse:
    """Return a comparison as a message."""
    answer = comparison.answer
    return search_pb2.CompareResponse(
        per_model=[_model_hits(ranking, answer.records, include_attributes=False) for ranking in answer.rankings],
        agreements=[
            image_search_pb2.PairAgreement(
                model_a=a,
                model_b=b,
                overlap_at_k=agreement.overlap_at_k,
                rank_biased_overlap=agreement.rank_biased_overlap,
                kendall_tau=agreement.kendall_tau,
            )
            for (a, b), agreement in comparison.agreements.items()
        ],
    )


def _model_hits(
    ranking: fusion.Ranking, records: Mapping[str, values.Record], include_attributes: bool
) -> types_pb2.ModelHits:
    hits = []
    for near in ranking.neighbours:
        cosine = fusion.similarity(near.distance, ranking.metric)
        hit = types_pb2.Hit(image_id=near.image_id, rank=near.rank, distance=near.distance, similarity=cosine)
        hits.append(_described(hit, records, include_attributes))
    return types_pb2.ModelHits(model=ranking.model, metric=METRIC_VALUES[ranking.metric], hits=hits)


def _fused_hit(fused: fusion.Fused, records: Mapping[str, values.Record], include_attributes: bool) -> types_pb2.Hit:
    hit = types_pb2.Hit(
        image_id=fused.image_id,
        rank=fused.rank,
        distance=fused.distance,
        similarity=fused.similarity,
        score=fused.score,
        contributions=[
            types_pb2.Contribution(model=c.model, rank=c.rank, distance=c.distance, weight=c.weight, score=c.score)
            for c in fused.contributions
        ],
    )
    return _described(hit, records, include_attributes)


def _described(hit: types_pb2.Hit, records: Mapping[str, values.Record], include_attributes: bool) -> types_pb2.Hit:
    version = records[hit.image_id].version
    hit.uri = version.uri
    if include_attributes:
        hit.attributes.update(version.attributes)
    return hit


def to_record(record: values.Record) -> image_search_pb2.ImageRecord:
    """Return a record as a message."""
    message = image_search_pb2.ImageRecord(
        image_id=record.version.image_id,
        content_sha256=record.version.content_sha256,
        uri=record.version.uri,
        width_px=record.width_px,
        height_px=record.height_px,
        create_time=timestamp(record.create_ms),
        update_time=timestamp(record.update_ms),
    )
    message.attributes.update(record.version.attributes)
    return message


def to_list_response(page: images.Page) -> image_search_pb2.ListImagesResponse:
    """Return a page of records as a message."""
    return image_search_pb2.ListImagesResponse(
        images=[to_record(record) for record in page.records], next_page_token=page.next_token
    )


def timestamp(milliseconds: int) -> Timestamp:
    """Return a time since 1970 as a message."""
    time = Timestamp()
    time.FromMilliseconds(milliseconds)
    return time
