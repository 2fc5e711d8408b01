from google.api import annotations_pb2 as _annotations_pb2
from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from likeness.v1 import embedder_pb2 as _embedder_pb2
from likeness.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Collection(_message.Message):
    __slots__ = ("name", "models", "metric", "index", "description", "bindings", "create_time", "image_count")
    NAME_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    INDEX_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    BINDINGS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    IMAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    name: str
    models: _containers.RepeatedScalarFieldContainer[str]
    metric: _types_pb2.Metric
    index: IndexParams
    description: str
    bindings: _containers.RepeatedCompositeFieldContainer[ModelBinding]
    create_time: _timestamp_pb2.Timestamp
    image_count: int
    def __init__(self, name: _Optional[str] = ..., models: _Optional[_Iterable[str]] = ..., metric: _Optional[_Union[_types_pb2.Metric, str]] = ..., index: _Optional[_Union[IndexParams, _Mapping]] = ..., description: _Optional[str] = ..., bindings: _Optional[_Iterable[_Union[ModelBinding, _Mapping]]] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., image_count: _Optional[int] = ...) -> None: ...

class ModelBinding(_message.Message):
    __slots__ = ("model", "fingerprint", "dimension", "state", "image_count")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[ModelBinding.State]
        STATE_ACTIVE: _ClassVar[ModelBinding.State]
        STATE_BUILDING: _ClassVar[ModelBinding.State]
    STATE_UNSPECIFIED: ModelBinding.State
    STATE_ACTIVE: ModelBinding.State
    STATE_BUILDING: ModelBinding.State
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_COUNT_FIELD_NUMBER: _ClassVar[int]
    model: str
    fingerprint: str
    dimension: int
    state: ModelBinding.State
    image_count: int
    def __init__(self, model: _Optional[str] = ..., fingerprint: _Optional[str] = ..., dimension: _Optional[int] = ..., state: _Optional[_Union[ModelBinding.State, str]] = ..., image_count: _Optional[int] = ...) -> None: ...

class IndexParams(_message.Message):
    __slots__ = ("kind", "m", "ef_construction", "nlist")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[IndexParams.Kind]
        KIND_FLAT: _ClassVar[IndexParams.Kind]
        KIND_HNSW: _ClassVar[IndexParams.Kind]
        KIND_IVF_FLAT: _ClassVar[IndexParams.Kind]
        KIND_IVF_SQ8: _ClassVar[IndexParams.Kind]
        KIND_DISKANN: _ClassVar[IndexParams.Kind]
        KIND_HNSW_SQ: _ClassVar[IndexParams.Kind]
        KIND_IVF_RABITQ: _ClassVar[IndexParams.Kind]
    KIND_UNSPECIFIED: IndexParams.Kind
    KIND_FLAT: IndexParams.Kind
    KIND_HNSW: IndexParams.Kind
    KIND_IVF_FLAT: IndexParams.Kind
    KIND_IVF_SQ8: IndexParams.Kind
    KIND_DISKANN: IndexParams.Kind
    KIND_HNSW_SQ: IndexParams.Kind
    KIND_IVF_RABITQ: IndexParams.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    M_FIELD_NUMBER: _ClassVar[int]
    EF_CONSTRUCTION_FIELD_NUMBER: _ClassVar[int]
    NLIST_FIELD_NUMBER: _ClassVar[int]
    kind: IndexParams.Kind
    m: int
    ef_construction: int
    nlist: int
    def __init__(self, kind: _Optional[_Union[IndexParams.Kind, str]] = ..., m: _Optional[int] = ..., ef_construction: _Optional[int] = ..., nlist: _Optional[int] = ...) -> None: ...

class CreateCollectionRequest(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: Collection
    def __init__(self, collection: _Optional[_Union[Collection, _Mapping]] = ...) -> None: ...

class CreateCollectionResponse(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: Collection
    def __init__(self, collection: _Optional[_Union[Collection, _Mapping]] = ...) -> None: ...

class GetCollectionRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetCollectionResponse(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: Collection
    def __init__(self, collection: _Optional[_Union[Collection, _Mapping]] = ...) -> None: ...

class ListCollectionsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCollectionsResponse(_message.Message):
    __slots__ = ("collections", "next_page_token")
    COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    collections: _containers.RepeatedCompositeFieldContainer[Collection]
    next_page_token: str
    def __init__(self, collections: _Optional[_Iterable[_Union[Collection, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteCollectionRequest(_message.Message):
    __slots__ = ("name", "force")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    force: bool
    def __init__(self, name: _Optional[str] = ..., force: bool = ...) -> None: ...

class DeleteCollectionResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AddModelRequest(_message.Message):
    __slots__ = ("collection", "model")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    collection: str
    model: str
    def __init__(self, collection: _Optional[str] = ..., model: _Optional[str] = ...) -> None: ...

class AddModelResponse(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: Collection
    def __init__(self, collection: _Optional[_Union[Collection, _Mapping]] = ...) -> None: ...

class ActivateModelRequest(_message.Message):
    __slots__ = ("collection", "model", "replaces", "force")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    REPLACES_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    collection: str
    model: str
    replaces: str
    force: bool
    def __init__(self, collection: _Optional[str] = ..., model: _Optional[str] = ..., replaces: _Optional[str] = ..., force: bool = ...) -> None: ...

class ActivateModelResponse(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: Collection
    def __init__(self, collection: _Optional[_Union[Collection, _Mapping]] = ...) -> None: ...

class RemoveModelRequest(_message.Message):
    __slots__ = ("collection", "model", "force")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    collection: str
    model: str
    force: bool
    def __init__(self, collection: _Optional[str] = ..., model: _Optional[str] = ..., force: bool = ...) -> None: ...

class RemoveModelResponse(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: Collection
    def __init__(self, collection: _Optional[_Union[Collection, _Mapping]] = ...) -> None: ...

class ImageEntry(_message.Message):
    __slots__ = ("image_id", "image", "uri", "attributes", "expected_update_time")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    image: _types_pb2.Image
    uri: str
    attributes: _struct_pb2.Struct
    expected_update_time: _timestamp_pb2.Timestamp
    def __init__(self, image_id: _Optional[str] = ..., image: _Optional[_Union[_types_pb2.Image, _Mapping]] = ..., uri: _Optional[str] = ..., attributes: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., expected_update_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class IndexImagesRequest(_message.Message):
    __slots__ = ("collection", "entries", "request_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    entries: _containers.RepeatedCompositeFieldContainer[ImageEntry]
    request_id: str
    def __init__(self, collection: _Optional[str] = ..., entries: _Optional[_Iterable[_Union[ImageEntry, _Mapping]]] = ..., request_id: _Optional[str] = ...) -> None: ...

class IndexImagesResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[IndexResult]
    def __init__(self, results: _Optional[_Iterable[_Union[IndexResult, _Mapping]]] = ...) -> None: ...

class IndexResult(_message.Message):
    __slots__ = ("image_id", "content_sha256", "outcome", "error")
    class Outcome(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        OUTCOME_UNSPECIFIED: _ClassVar[IndexResult.Outcome]
        OUTCOME_CREATED: _ClassVar[IndexResult.Outcome]
        OUTCOME_UPDATED: _ClassVar[IndexResult.Outcome]
        OUTCOME_UNCHANGED: _ClassVar[IndexResult.Outcome]
    OUTCOME_UNSPECIFIED: IndexResult.Outcome
    OUTCOME_CREATED: IndexResult.Outcome
    OUTCOME_UPDATED: IndexResult.Outcome
    OUTCOME_UNCHANGED: IndexResult.Outcome
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_SHA256_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    content_sha256: str
    outcome: IndexResult.Outcome
    error: _status_pb2.Status
    def __init__(self, image_id: _Optional[str] = ..., content_sha256: _Optional[str] = ..., outcome: _Optional[_Union[IndexResult.Outcome, str]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class IngestImagesRequest(_message.Message):
    __slots__ = ("collection", "entry", "item_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    entry: ImageEntry
    item_id: str
    def __init__(self, collection: _Optional[str] = ..., entry: _Optional[_Union[ImageEntry, _Mapping]] = ..., item_id: _Optional[str] = ...) -> None: ...

class IngestImagesResponse(_message.Message):
    __slots__ = ("result", "backoff", "draining", "item_id")
    RESULT_FIELD_NUMBER: _ClassVar[int]
    BACKOFF_FIELD_NUMBER: _ClassVar[int]
    DRAINING_FIELD_NUMBER: _ClassVar[int]
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    result: IndexResult
    backoff: Backoff
    draining: Draining
    item_id: str
    def __init__(self, result: _Optional[_Union[IndexResult, _Mapping]] = ..., backoff: _Optional[_Union[Backoff, _Mapping]] = ..., draining: _Optional[_Union[Draining, _Mapping]] = ..., item_id: _Optional[str] = ...) -> None: ...

class Backoff(_message.Message):
    __slots__ = ("max_in_flight",)
    MAX_IN_FLIGHT_FIELD_NUMBER: _ClassVar[int]
    max_in_flight: int
    def __init__(self, max_in_flight: _Optional[int] = ...) -> None: ...

class Draining(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SearchImagesRequest(_message.Message):
    __slots__ = ("collection", "image", "image_id", "models", "top_k", "filter", "max_distance", "exclude_self", "fusion", "include_attributes", "require_all_models", "consistency", "search_params")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    MAX_DISTANCE_FIELD_NUMBER: _ClassVar[int]
    EXCLUDE_SELF_FIELD_NUMBER: _ClassVar[int]
    FUSION_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_ALL_MODELS_FIELD_NUMBER: _ClassVar[int]
    CONSISTENCY_FIELD_NUMBER: _ClassVar[int]
    SEARCH_PARAMS_FIELD_NUMBER: _ClassVar[int]
    collection: str
    image: _types_pb2.Image
    image_id: str
    models: _containers.RepeatedScalarFieldContainer[str]
    top_k: int
    filter: _types_pb2.Filter
    max_distance: float
    exclude_self: bool
    fusion: _types_pb2.Fusion
    include_attributes: bool
    require_all_models: bool
    consistency: _types_pb2.Consistency
    search_params: _types_pb2.SearchParams
    def __init__(self, collection: _Optional[str] = ..., image: _Optional[_Union[_types_pb2.Image, _Mapping]] = ..., image_id: _Optional[str] = ..., models: _Optional[_Iterable[str]] = ..., top_k: _Optional[int] = ..., filter: _Optional[_Union[_types_pb2.Filter, _Mapping]] = ..., max_distance: _Optional[float] = ..., exclude_self: bool = ..., fusion: _Optional[_Union[_types_pb2.Fusion, _Mapping]] = ..., include_attributes: bool = ..., require_all_models: bool = ..., consistency: _Optional[_Union[_types_pb2.Consistency, str]] = ..., search_params: _Optional[_Union[_types_pb2.SearchParams, _Mapping]] = ...) -> None: ...

class SearchImagesResponse(_message.Message):
    __slots__ = ("hits", "per_model", "model_errors", "timings")
    HITS_FIELD_NUMBER: _ClassVar[int]
    PER_MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_ERRORS_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_FIELD_NUMBER: _ClassVar[int]
    hits: _containers.RepeatedCompositeFieldContainer[_types_pb2.Hit]
    per_model: _containers.RepeatedCompositeFieldContainer[_types_pb2.ModelHits]
    model_errors: _containers.RepeatedCompositeFieldContainer[_types_pb2.ModelError]
    timings: Timings
    def __init__(self, hits: _Optional[_Iterable[_Union[_types_pb2.Hit, _Mapping]]] = ..., per_model: _Optional[_Iterable[_Union[_types_pb2.ModelHits, _Mapping]]] = ..., model_errors: _Optional[_Iterable[_Union[_types_pb2.ModelError, _Mapping]]] = ..., timings: _Optional[_Union[Timings, _Mapping]] = ...) -> None: ...

class Timings(_message.Message):
    __slots__ = ("total", "embed", "search")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    EMBED_FIELD_NUMBER: _ClassVar[int]
    SEARCH_FIELD_NUMBER: _ClassVar[int]
    total: _duration_pb2.Duration
    embed: _duration_pb2.Duration
    search: _duration_pb2.Duration
    def __init__(self, total: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., embed: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ..., search: _Optional[_Union[_duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class CompareModelsRequest(_message.Message):
    __slots__ = ("collection", "image", "image_id", "models", "top_k", "filter", "consistency", "search_params")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    CONSISTENCY_FIELD_NUMBER: _ClassVar[int]
    SEARCH_PARAMS_FIELD_NUMBER: _ClassVar[int]
    collection: str
    image: _types_pb2.Image
    image_id: str
    models: _containers.RepeatedScalarFieldContainer[str]
    top_k: int
    filter: _types_pb2.Filter
    consistency: _types_pb2.Consistency
    search_params: _types_pb2.SearchParams
    def __init__(self, collection: _Optional[str] = ..., image: _Optional[_Union[_types_pb2.Image, _Mapping]] = ..., image_id: _Optional[str] = ..., models: _Optional[_Iterable[str]] = ..., top_k: _Optional[int] = ..., filter: _Optional[_Union[_types_pb2.Filter, _Mapping]] = ..., consistency: _Optional[_Union[_types_pb2.Consistency, str]] = ..., search_params: _Optional[_Union[_types_pb2.SearchParams, _Mapping]] = ...) -> None: ...

class CompareModelsResponse(_message.Message):
    __slots__ = ("per_model", "agreements")
    PER_MODEL_FIELD_NUMBER: _ClassVar[int]
    AGREEMENTS_FIELD_NUMBER: _ClassVar[int]
    per_model: _containers.RepeatedCompositeFieldContainer[_types_pb2.ModelHits]
    agreements: _containers.RepeatedCompositeFieldContainer[PairAgreement]
    def __init__(self, per_model: _Optional[_Iterable[_Union[_types_pb2.ModelHits, _Mapping]]] = ..., agreements: _Optional[_Iterable[_Union[PairAgreement, _Mapping]]] = ...) -> None: ...

class PairAgreement(_message.Message):
    __slots__ = ("model_a", "model_b", "overlap_at_k", "rank_biased_overlap", "kendall_tau")
    MODEL_A_FIELD_NUMBER: _ClassVar[int]
    MODEL_B_FIELD_NUMBER: _ClassVar[int]
    OVERLAP_AT_K_FIELD_NUMBER: _ClassVar[int]
    RANK_BIASED_OVERLAP_FIELD_NUMBER: _ClassVar[int]
    KENDALL_TAU_FIELD_NUMBER: _ClassVar[int]
    model_a: str
    model_b: str
    overlap_at_k: float
    rank_biased_overlap: float
    kendall_tau: float
    def __init__(self, model_a: _Optional[str] = ..., model_b: _Optional[str] = ..., overlap_at_k: _Optional[float] = ..., rank_biased_overlap: _Optional[float] = ..., kendall_tau: _Optional[float] = ...) -> None: ...

class EvaluateModelsRequest(_message.Message):
    __slots__ = ("collection", "label_attribute", "models", "top_k", "sample_size", "seed", "fusion")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    LABEL_ATTRIBUTE_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    SAMPLE_SIZE_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    FUSION_FIELD_NUMBER: _ClassVar[int]
    collection: str
    label_attribute: str
    models: _containers.RepeatedScalarFieldContainer[str]
    top_k: int
    sample_size: int
    seed: int
    fusion: _types_pb2.Fusion
    def __init__(self, collection: _Optional[str] = ..., label_attribute: _Optional[str] = ..., models: _Optional[_Iterable[str]] = ..., top_k: _Optional[int] = ..., sample_size: _Optional[int] = ..., seed: _Optional[int] = ..., fusion: _Optional[_Union[_types_pb2.Fusion, _Mapping]] = ...) -> None: ...

class EvaluateModelsResponse(_message.Message):
    __slots__ = ("per_model", "fused", "labelled_count", "label_count", "alone_count")
    PER_MODEL_FIELD_NUMBER: _ClassVar[int]
    FUSED_FIELD_NUMBER: _ClassVar[int]
    LABELLED_COUNT_FIELD_NUMBER: _ClassVar[int]
    LABEL_COUNT_FIELD_NUMBER: _ClassVar[int]
    ALONE_COUNT_FIELD_NUMBER: _ClassVar[int]
    per_model: _containers.RepeatedCompositeFieldContainer[ModelEvaluation]
    fused: ModelEvaluation
    labelled_count: int
    label_count: int
    alone_count: int
    def __init__(self, per_model: _Optional[_Iterable[_Union[ModelEvaluation, _Mapping]]] = ..., fused: _Optional[_Union[ModelEvaluation, _Mapping]] = ..., labelled_count: _Optional[int] = ..., label_count: _Optional[int] = ..., alone_count: _Optional[int] = ...) -> None: ...

class ModelEvaluation(_message.Message):
    __slots__ = ("model", "precision_at_k", "recall_at_k", "mean_average_precision", "mean_distance_same_label", "mean_distance_other_labels", "query_count")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PRECISION_AT_K_FIELD_NUMBER: _ClassVar[int]
    RECALL_AT_K_FIELD_NUMBER: _ClassVar[int]
    MEAN_AVERAGE_PRECISION_FIELD_NUMBER: _ClassVar[int]
    MEAN_DISTANCE_SAME_LABEL_FIELD_NUMBER: _ClassVar[int]
    MEAN_DISTANCE_OTHER_LABELS_FIELD_NUMBER: _ClassVar[int]
    QUERY_COUNT_FIELD_NUMBER: _ClassVar[int]
    model: str
    precision_at_k: float
    recall_at_k: float
    mean_average_precision: float
    mean_distance_same_label: float
    mean_distance_other_labels: float
    query_count: int
    def __init__(self, model: _Optional[str] = ..., precision_at_k: _Optional[float] = ..., recall_at_k: _Optional[float] = ..., mean_average_precision: _Optional[float] = ..., mean_distance_same_label: _Optional[float] = ..., mean_distance_other_labels: _Optional[float] = ..., query_count: _Optional[int] = ...) -> None: ...

class ImageRecord(_message.Message):
    __slots__ = ("image_id", "content_sha256", "uri", "attributes", "width_px", "height_px", "create_time", "update_time")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_SHA256_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    content_sha256: str
    uri: str
    attributes: _struct_pb2.Struct
    width_px: int
    height_px: int
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, image_id: _Optional[str] = ..., content_sha256: _Optional[str] = ..., uri: _Optional[str] = ..., attributes: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., width_px: _Optional[int] = ..., height_px: _Optional[int] = ..., create_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetImageRequest(_message.Message):
    __slots__ = ("collection", "image_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    collection: str
    image_id: str
    def __init__(self, collection: _Optional[str] = ..., image_id: _Optional[str] = ...) -> None: ...

class GetImageResponse(_message.Message):
    __slots__ = ("image",)
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    image: ImageRecord
    def __init__(self, image: _Optional[_Union[ImageRecord, _Mapping]] = ...) -> None: ...

class ListImagesRequest(_message.Message):
    __slots__ = ("collection", "page_size", "page_token", "filter", "missing_model")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    MISSING_MODEL_FIELD_NUMBER: _ClassVar[int]
    collection: str
    page_size: int
    page_token: str
    filter: _types_pb2.Filter
    missing_model: str
    def __init__(self, collection: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., filter: _Optional[_Union[_types_pb2.Filter, _Mapping]] = ..., missing_model: _Optional[str] = ...) -> None: ...

class ListImagesResponse(_message.Message):
    __slots__ = ("images", "next_page_token")
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedCompositeFieldContainer[ImageRecord]
    next_page_token: str
    def __init__(self, images: _Optional[_Iterable[_Union[ImageRecord, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DeleteImagesRequest(_message.Message):
    __slots__ = ("collection", "image_ids", "filter", "force")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    IMAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    collection: str
    image_ids: _containers.RepeatedScalarFieldContainer[str]
    filter: _types_pb2.Filter
    force: bool
    def __init__(self, collection: _Optional[str] = ..., image_ids: _Optional[_Iterable[str]] = ..., filter: _Optional[_Union[_types_pb2.Filter, _Mapping]] = ..., force: bool = ...) -> None: ...

class DeleteImagesResponse(_message.Message):
    __slots__ = ("deleted_count", "missing_ids")
    DELETED_COUNT_FIELD_NUMBER: _ClassVar[int]
    MISSING_IDS_FIELD_NUMBER: _ClassVar[int]
    deleted_count: int
    missing_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, deleted_count: _Optional[int] = ..., missing_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class FindDuplicatesRequest(_message.Message):
    __slots__ = ("collection", "model", "max_distance")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    MAX_DISTANCE_FIELD_NUMBER: _ClassVar[int]
    collection: str
    model: str
    max_distance: float
    def __init__(self, collection: _Optional[str] = ..., model: _Optional[str] = ..., max_distance: _Optional[float] = ...) -> None: ...

class FindDuplicatesResponse(_message.Message):
    __slots__ = ("image_ids",)
    IMAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    image_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, image_ids: _Optional[_Iterable[str]] = ...) -> None: ...
