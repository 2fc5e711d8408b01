"""What `--json` prints: one document a command, whose keys are stable."""

from collections.abc import Callable, Sequence
from typing import Any

from google.protobuf import json_format

from likeness.errors import LikenessError, from_status
from likeness.feeding import Coverage
from likeness.folders import UNREAD_FORMATS, Found
from likeness.report import CREATED, UNCHANGED, UPDATED, Refusal, Report
from likeness.tally import CHANGED, FED, UNREADABLE, WITHOUT_URI, Tally
from likeness.v1 import embedder_pb2, types_pb2
from likeness.v1 import image_search_pb2 as pb

Document = dict[str, Any]


def collection(made: pb.Collection) -> Document:
    """Return a collection."""
    return {
        "name": made.name,
        "models": list(made.models),
        "bindings": [_binding(binding) for binding in made.bindings],
        "metric": metric_name(made.metric),
        "index": pb.IndexParams.Kind.Name(made.index.kind).removeprefix("KIND_"),
        "description": made.description,
        "image_count": made.image_count,
        "create_time": made.create_time.ToJsonString(),
    }


def _binding(bound: pb.ModelBinding) -> Document:
    return {
        "model": bound.model,
        "state": pb.ModelBinding.State.Name(bound.state).removeprefix("STATE_"),
        "image_count": bound.image_count,
        "dimension": bound.dimension,
        "fingerprint": bound.fingerprint,
    }


def model(served: embedder_pb2.Model) -> Document:
    """Return a model."""
    return {
        "name": served.name,
        "description": served.description,
        "dimension": served.dimension,
        "fingerprint": served.fingerprint,
        "onnx_sha256": served.onnx_sha256,
        "state": embedder_pb2.Model.State.Name(served.state).removeprefix("STATE_"),
        "license": served.license,
        "source": served.source,
        "preprocessing": _plain(served.preprocessing),
    }


def search(response: pb.SearchImagesResponse, collection_name: str, query: Document) -> Document:
    """Return a search's answer."""
    return {
        "collection": collection_name,
        "query": query,
        "hits": [fused_hit(hit) for hit in response.hits],
        "per_model": _per_model(response.per_model, hit),
        "model_errors": [
            {"model": failed.model, **error(from_status(failed.error))} for failed in response.model_errors
        ],
        "timings": {
            f"{name}_seconds": getattr(response.timings, name).ToTimedelta().total_seconds()
            for name in ("total", "embed", "search")
        },
    }


def compare(response: pb.CompareModelsResponse, collection_name: str, query: Document) -> Document:
    """Return a comparison, without attributes; `kendall_tau` is null where two lists share fewer than two images."""
    return {
        "collection": collection_name,
        "query": query,
        "per_model": _per_model(response.per_model, _bare_hit),
        "agreements": [
            {
                "model_a": pair.model_a,
                "model_b": pair.model_b,
                "overlap_at_k": pair.overlap_at_k,
                "rank_biased_overlap": pair.rank_biased_overlap,
                "kendall_tau": pair.kendall_tau if pair.HasField("kendall_tau") else None,
            }
            for pair in response.agreements
        ],
    }


def evaluation(response: pb.EvaluateModelsResponse, request: pb.EvaluateModelsRequest, fusion: str) -> Document:
    """Return what a measurement found, and how it was made."""
    return {
        "collection": request.collection,
        "label": request.label_attribute,
        "top_k": request.top_k,
        "sample": request.sample_size,
        "seed": request.seed,
        "fusion": fusion,
        "labelled_count": response.labelled_count,
        "label_count": response.label_count,
        "alone_count": response.alone_count,
        "per_model": [{"model": own.model, **_figures(own)} for own in response.per_model],
        "fused": _figures(response.fused),
    }


def duplicates(groups: Sequence[Sequence[str]], request: pb.FindDuplicatesRequest) -> Document:
    """Return groups of look-alikes."""
    return {
        "collection": request.collection,
        "model": request.model,
        "max_distance": request.max_distance,
        "image_count": sum(map(len, groups)),
        "groups": list(groups),
    }


def index(counts: Report, found: Found, collection_name: str, seconds: float) -> Document:
    """Return what became of the pictures, and how many other files were passed over."""
    unread = {extension: count for extension, count in sorted(found.skipped.items()) if extension in UNREAD_FORMATS}
    return {
        "collection": collection_name,
        **{outcome: counts.counted(outcome) for outcome in (CREATED, UPDATED, UNCHANGED)},
        "refused": [_refusal(refused) for refused in counts.refused],
        "skipped": {"files": found.skipped.total(), "unread_formats": unread},
        "seconds": round(seconds, 3),
    }


def feed(counts: Tally, coverage: Coverage, collection_name: str, model_name: str, seconds: float) -> Document:
    """Return what became of the images that a model was fed with, and how many have a vector of it now."""
    outcomes = (FED, UNCHANGED, CHANGED, WITHOUT_URI, UNREADABLE)
    return {
        "collection": collection_name,
        "model": model_name,
        **{outcome: counts.counted(outcome) for outcome in outcomes},
        "reasons": dict(counts.reasons),
        "first_unreadable": [
            {"image_id": unread.image_id, "uri": unread.uri, **error(unread.error)} for unread in counts.first_unread
        ],
        "covered": coverage.covered,
        "image_count": coverage.images,
        "seconds": round(seconds, 3),
    }


def _figures(measured: pb.ModelEvaluation) -> Document:
    return {
        "precision_at_k": measured.precision_at_k,
        "recall_at_k": measured.recall_at_k,
        "mean_average_precision": measured.mean_average_precision,
        "mean_distance_same_label": measured.mean_distance_same_label,
        "mean_distance_other_labels": measured.mean_distance_other_labels,
        "query_count": measured.query_count,
    }


def error(problem: LikenessError) -> Document:
    """Return an error."""
    return {"code": problem.code, "reason": problem.reason, "message": problem.message}


def failure(problem: LikenessError) -> Document:
    """Return what stands in place of an answer."""
    violations = [{"field": broken.field, "description": broken.description} for broken in problem.violations]
    return {"error": {**error(problem), "violations": violations}}


def metric_name(metric: int) -> str:
    """Return L2 or COSINE."""
    return types_pb2.Metric.Name(metric).removeprefix("METRIC_")


def _refusal(refused: Refusal) -> Document:
    return {"path": str(refused.path), "image_id": refused.image_id, **error(refused.error)}


def _per_model(
    lists: Sequence[types_pb2.ModelHits], as_document: Callable[[types_pb2.Hit], Document]
) -> list[Document]:
    return [
        {"model": own.model, "metric": metric_name(own.metric), "hits": [as_document(found) for found in own.hits]}
        for own in lists
    ]


def hit(found: types_pb2.Hit) -> Document:
    """Return one look-alike of a model's own list."""
    return {**_bare_hit(found), "attributes": _plain(found.attributes)}


def _bare_hit(found: types_pb2.Hit) -> Document:
    return {
        "image_id": found.image_id,
        "rank": found.rank,
        "distance": found.distance,
        "similarity": found.similarity,
        "uri": found.uri,
    }


def fused_hit(found: types_pb2.Hit) -> Document:
    """Return one look-alike of the fused list, with what each model contributed."""
    contributions = [
        {
            "model": part.model,
            "rank": part.rank,
            "distance": part.distance,
            "weight": part.weight,
            "score": part.score,
        }
        for part in found.contributions
    ]
    return {**hit(found), "score": found.score, "contributions": contributions}


def _plain(message: Any) -> Any:
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
