from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from likeness.v1 import embedder_pb2 as _embedder_pb2
from likeness.v1 import image_search_pb2 as _image_search_pb2
from likeness.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AddBindingRequest(_message.Message):
    __slots__ = ("collection", "binding")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    BINDING_FIELD_NUMBER: _ClassVar[int]
    collection: str
    binding: _image_search_pb2.ModelBinding
    def __init__(self, collection: _Optional[str] = ..., binding: _Optional[_Union[_image_search_pb2.ModelBinding, _Mapping]] = ...) -> None: ...

class AddBindingResponse(_message.Message):
    __slots__ = ("collection",)
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    collection: _image_search_pb2.Collection
    def __init__(self, collection: _Optional[_Union[_image_search_pb2.Collection, _Mapping]] = ...) -> None: ...

class ImageVersion(_message.Message):
    __slots__ = ("image_id", "content_sha256", "uri", "attributes", "expected_update_time", "write_id")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    CONTENT_SHA256_FIELD_NUMBER: _ClassVar[int]
    URI_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    WRITE_ID_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    content_sha256: str
    uri: str
    attributes: _struct_pb2.Struct
    expected_update_time: _timestamp_pb2.Timestamp
    write_id: str
    def __init__(self, image_id: _Optional[str] = ..., content_sha256: _Optional[str] = ..., uri: _Optional[str] = ..., attributes: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., expected_update_time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., write_id: _Optional[str] = ...) -> None: ...

class CheckImagesRequest(_message.Message):
    __slots__ = ("collection", "images")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    collection: str
    images: _containers.RepeatedCompositeFieldContainer[ImageVersion]
    def __init__(self, collection: _Optional[str] = ..., images: _Optional[_Iterable[_Union[ImageVersion, _Mapping]]] = ...) -> None: ...

class CheckImagesResponse(_message.Message):
    __slots__ = ("collection", "results")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    collection: _image_search_pb2.Collection
    results: _containers.RepeatedCompositeFieldContainer[CheckResult]
    def __init__(self, collection: _Optional[_Union[_image_search_pb2.Collection, _Mapping]] = ..., results: _Optional[_Iterable[_Union[CheckResult, _Mapping]]] = ...) -> None: ...

class CheckResult(_message.Message):
    __slots__ = ("unchanged", "error", "content_known", "missing_models")
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CONTENT_KNOWN_FIELD_NUMBER: _ClassVar[int]
    MISSING_MODELS_FIELD_NUMBER: _ClassVar[int]
    unchanged: bool
    error: _status_pb2.Status
    content_known: bool
    missing_models: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, unchanged: bool = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., content_known: bool = ..., missing_models: _Optional[_Iterable[str]] = ...) -> None: ...

class FindContentRequest(_message.Message):
    __slots__ = ("collection", "content_sha256")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    CONTENT_SHA256_FIELD_NUMBER: _ClassVar[int]
    collection: str
    content_sha256: str
    def __init__(self, collection: _Optional[str] = ..., content_sha256: _Optional[str] = ...) -> None: ...

class FindContentResponse(_message.Message):
    __slots__ = ("collection", "image_id")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    collection: _image_search_pb2.Collection
    image_id: str
    def __init__(self, collection: _Optional[_Union[_image_search_pb2.Collection, _Mapping]] = ..., image_id: _Optional[str] = ...) -> None: ...

class RecallAnswerRequest(_message.Message):
    __slots__ = ("collection", "request_id", "body_sha256")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    BODY_SHA256_FIELD_NUMBER: _ClassVar[int]
    collection: str
    request_id: str
    body_sha256: str
    def __init__(self, collection: _Optional[str] = ..., request_id: _Optional[str] = ..., body_sha256: _Optional[str] = ...) -> None: ...

class RecallAnswerResponse(_message.Message):
    __slots__ = ("answer",)
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    answer: _image_search_pb2.IndexImagesResponse
    def __init__(self, answer: _Optional[_Union[_image_search_pb2.IndexImagesResponse, _Mapping]] = ...) -> None: ...

class KeepAnswerRequest(_message.Message):
    __slots__ = ("collection", "request_id", "body_sha256", "answer")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    BODY_SHA256_FIELD_NUMBER: _ClassVar[int]
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    collection: str
    request_id: str
    body_sha256: str
    answer: _image_search_pb2.IndexImagesResponse
    def __init__(self, collection: _Optional[str] = ..., request_id: _Optional[str] = ..., body_sha256: _Optional[str] = ..., answer: _Optional[_Union[_image_search_pb2.IndexImagesResponse, _Mapping]] = ...) -> None: ...

class KeepAnswerResponse(_message.Message):
    __slots__ = ("answer",)
    ANSWER_FIELD_NUMBER: _ClassVar[int]
    answer: _image_search_pb2.IndexImagesResponse
    def __init__(self, answer: _Optional[_Union[_image_search_pb2.IndexImagesResponse, _Mapping]] = ...) -> None: ...

class ImageVectors(_message.Message):
    __slots__ = ("version", "width_px", "height_px", "embeddings", "reuse_vectors")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    REUSE_VECTORS_FIELD_NUMBER: _ClassVar[int]
    version: ImageVersion
    width_px: int
    height_px: int
    embeddings: _containers.RepeatedCompositeFieldContainer[_embedder_pb2.Embedding]
    reuse_vectors: bool
    def __init__(self, version: _Optional[_Union[ImageVersion, _Mapping]] = ..., width_px: _Optional[int] = ..., height_px: _Optional[int] = ..., embeddings: _Optional[_Iterable[_Union[_embedder_pb2.Embedding, _Mapping]]] = ..., reuse_vectors: bool = ...) -> None: ...

class UpsertImagesRequest(_message.Message):
    __slots__ = ("collection", "images")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    collection: str
    images: _containers.RepeatedCompositeFieldContainer[ImageVectors]
    def __init__(self, collection: _Optional[str] = ..., images: _Optional[_Iterable[_Union[ImageVectors, _Mapping]]] = ...) -> None: ...

class UpsertImagesResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_image_search_pb2.IndexResult]
    def __init__(self, results: _Optional[_Iterable[_Union[_image_search_pb2.IndexResult, _Mapping]]] = ...) -> None: ...

class QueryVectors(_message.Message):
    __slots__ = ("embeddings", "content_sha256")
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    CONTENT_SHA256_FIELD_NUMBER: _ClassVar[int]
    embeddings: _containers.RepeatedCompositeFieldContainer[_embedder_pb2.Embedding]
    content_sha256: str
    def __init__(self, embeddings: _Optional[_Iterable[_Union[_embedder_pb2.Embedding, _Mapping]]] = ..., content_sha256: _Optional[str] = ...) -> None: ...

class SearchRequest(_message.Message):
    __slots__ = ("collection", "vectors", "image_id", "models", "top_k", "filter", "max_distance", "exclude_self", "fusion", "include_attributes", "require_all_models", "consistency", "search_params")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    VECTORS_FIELD_NUMBER: _ClassVar[int]
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
    vectors: QueryVectors
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
    def __init__(self, collection: _Optional[str] = ..., vectors: _Optional[_Union[QueryVectors, _Mapping]] = ..., image_id: _Optional[str] = ..., models: _Optional[_Iterable[str]] = ..., top_k: _Optional[int] = ..., filter: _Optional[_Union[_types_pb2.Filter, _Mapping]] = ..., max_distance: _Optional[float] = ..., exclude_self: bool = ..., fusion: _Optional[_Union[_types_pb2.Fusion, _Mapping]] = ..., include_attributes: bool = ..., require_all_models: bool = ..., consistency: _Optional[_Union[_types_pb2.Consistency, str]] = ..., search_params: _Optional[_Union[_types_pb2.SearchParams, _Mapping]] = ...) -> None: ...

class SearchResponse(_message.Message):
    __slots__ = ("hits", "per_model", "model_errors")
    HITS_FIELD_NUMBER: _ClassVar[int]
    PER_MODEL_FIELD_NUMBER: _ClassVar[int]
    MODEL_ERRORS_FIELD_NUMBER: _ClassVar[int]
    hits: _containers.RepeatedCompositeFieldContainer[_types_pb2.Hit]
    per_model: _containers.RepeatedCompositeFieldContainer[_types_pb2.ModelHits]
    model_errors: _containers.RepeatedCompositeFieldContainer[_types_pb2.ModelError]
    def __init__(self, hits: _Optional[_Iterable[_Union[_types_pb2.Hit, _Mapping]]] = ..., per_model: _Optional[_Iterable[_Union[_types_pb2.ModelHits, _Mapping]]] = ..., model_errors: _Optional[_Iterable[_Union[_types_pb2.ModelError, _Mapping]]] = ...) -> None: ...

class CompareRequest(_message.Message):
    __slots__ = ("collection", "vectors", "image_id", "models", "top_k", "filter", "consistency", "search_params")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    VECTORS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    TOP_K_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    CONSISTENCY_FIELD_NUMBER: _ClassVar[int]
    SEARCH_PARAMS_FIELD_NUMBER: _ClassVar[int]
    collection: str
    vectors: QueryVectors
    image_id: str
    models: _containers.RepeatedScalarFieldContainer[str]
    top_k: int
    filter: _types_pb2.Filter
    consistency: _types_pb2.Consistency
    search_params: _types_pb2.SearchParams
    def __init__(self, collection: _Optional[str] = ..., vectors: _Optional[_Union[QueryVectors, _Mapping]] = ..., image_id: _Optional[str] = ..., models: _Optional[_Iterable[str]] = ..., top_k: _Optional[int] = ..., filter: _Optional[_Union[_types_pb2.Filter, _Mapping]] = ..., consistency: _Optional[_Union[_types_pb2.Consistency, str]] = ..., search_params: _Optional[_Union[_types_pb2.SearchParams, _Mapping]] = ...) -> None: ...

class CompareResponse(_message.Message):
    __slots__ = ("per_model", "agreements")
    PER_MODEL_FIELD_NUMBER: _ClassVar[int]
    AGREEMENTS_FIELD_NUMBER: _ClassVar[int]
    per_model: _containers.RepeatedCompositeFieldContainer[_types_pb2.ModelHits]
    agreements: _containers.RepeatedCompositeFieldContainer[_image_search_pb2.PairAgreement]
    def __init__(self, per_model: _Optional[_Iterable[_Union[_types_pb2.ModelHits, _Mapping]]] = ..., agreements: _Optional[_Iterable[_Union[_image_search_pb2.PairAgreement, _Mapping]]] = ...) -> None: ...
