"""Messages of EvaluateModels to values and back."""

from likeness.v1 import image_search_pb2 as public
from search_service.convert import DEFAULT_TOP_K, from_fusion
from search_service.evaluation import Evaluation, Trial
from search_service.measures import Quality


def from_request(message: public.EvaluateModelsRequest) -> Trial:
    """Return what a caller wants measured."""
    return Trial(
        collection=message.collection,
        label_attribute=message.label_attribute,
        models=list(message.models),
        top_k=message.top_k or DEFAULT_TOP_K,
        sample_size=message.sample_size,
        seed=message.seed,
        fusion=from_fusion(message.fusion),
    )


def to_response(evaluation: Evaluation) -> public.EvaluateModelsResponse:
    """Return the figures as a message."""
    return public.EvaluateModelsResponse(
        per_model=[_figures(quality, model) for model, quality in evaluation.per_model.items()],
        fused=_figures(evaluation.fused),
        labelled_count=evaluation.labelled_count,
        label_count=evaluation.label_count,
        alone_count=evaluation.alone_count,
    )


def _figures(quality: Quality, model: str = "") -> public.ModelEvaluation:
    return public.ModelEvaluation(
        model=model,
        precision_at_k=quality.precision_at_k,
        recall_at_k=quality.recall_at_k,
        mean_average_precision=quality.mean_average_precision,
        mean_distance_same_label=quality.mean_distance_same_label,
        mean_distance_other_labels=quality.mean_distance_other_labels,
        query_count=quality.query_count,
    )
