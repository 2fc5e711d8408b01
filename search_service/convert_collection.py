"""Collections, messages to values and back."""

from typing import TypeVar

from likeness.v1 import image_search_pb2
from search_service import catalogue, values
from search_service.convert import METRIC_VALUES, METRICS, known, timestamp

T = TypeVar("T")
Enum = TypeVar("Enum", bound=int)
DEFAULT_TOP_K = 10
_KINDS = {
    image_search_pb2.IndexParams.KIND_UNSPECIFIED: "",
    image_search_pb2.IndexParams.KIND_FLAT: "FLAT",
    image_search_pb2.IndexParams.KIND_HNSW: "HNSW",
    image_search_pb2.IndexParams.KIND_IVF_FLAT: "IVF_FLAT",
    image_search_pb2.IndexParams.KIND_IVF_SQ8: "IVF_SQ8",
    image_search_pb2.IndexParams.KIND_DISKANN: "DISKANN",
    image_search_pb2.IndexParams.KIND_HNSW_SQ: "HNSW_SQ",
    image_search_pb2.IndexParams.KIND_IVF_RABITQ: "IVF_RABITQ",
}
_KIND_VALUES = {name: kind for kind, name in _KINDS.items()}


def from_collection(message: image_search_pb2.Collection) -> values.Collection:
    """Return the collection that a caller wants made; its uid and vector spaces are given later."""
    given = message.index
    defaults = values.IndexSpec()
    return values.Collection(
        uid="",
        name=message.name,
        metric=known("collection.metric", METRICS, message.metric),
        index=values.IndexSpec(
            kind=known("collection.index.kind", _KINDS, given.kind),
            m=given.m or defaults.m,
            ef_construction=given.ef_construction or defaults.ef_construction,
            nlist=given.nlist or defaults.nlist,
        ),
        bindings=tuple(map(from_binding, message.bindings)),
        description=message.description,
    )


def to_collection(described: catalogue.Described) -> image_search_pb2.Collection:
    """Return a collection as a message."""
    collection = described.collection
    spec = collection.index
    return image_search_pb2.Collection(
        name=collection.name,
        models=[binding.model for binding in collection.active],
        metric=METRIC_VALUES[collection.metric],
        index=image_search_pb2.IndexParams(
            kind=_KIND_VALUES[spec.kind], m=spec.m, ef_construction=spec.ef_construction, nlist=spec.nlist
        ),
        description=collection.description,
        bindings=[_to_binding(binding, described.coverage) for binding in collection.bindings],
        create_time=timestamp(collection.create_ms),
        image_count=described.coverage.images,
    )


def from_binding(message: image_search_pb2.ModelBinding) -> values.Binding:
    """Return a model that a collection is to have."""
    return values.Binding(message.model, message.fingerprint, message.dimension)


def _to_binding(binding: values.Binding, coverage: values.Coverage) -> image_search_pb2.ModelBinding:
    kind = image_search_pb2.ModelBinding
    return kind(
        model=binding.model,
        fingerprint=binding.fingerprint,
        dimension=binding.dimension,
        state=kind.STATE_BUILDING if binding.building else kind.STATE_ACTIVE,
        image_count=coverage.by_tag.get(binding.tag, 0),
    )
