from google.rpc import status_pb2 as _status_pb2
from likeness.v1 import types_pb2 as _types_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EmbedRequest(_message.Message):
    __slots__ = ("images", "models", "encoding")
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    images: _containers.RepeatedCompositeFieldContainer[_types_pb2.Image]
    models: _containers.RepeatedScalarFieldContainer[str]
    encoding: _types_pb2.VectorEncoding
    def __init__(self, images: _Optional[_Iterable[_Union[_types_pb2.Image, _Mapping]]] = ..., models: _Optional[_Iterable[str]] = ..., encoding: _Optional[_Union[_types_pb2.VectorEncoding, str]] = ...) -> None: ...

class EmbedResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[EmbedResult]
    def __init__(self, results: _Optional[_Iterable[_Union[EmbedResult, _Mapping]]] = ...) -> None: ...

class EmbedResult(_message.Message):
    __slots__ = ("embeddings", "error", "content_sha256", "width_px", "height_px", "format")
    EMBEDDINGS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    CONTENT_SHA256_FIELD_NUMBER: _ClassVar[int]
    WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    embeddings: _containers.RepeatedCompositeFieldContainer[Embedding]
    error: _status_pb2.Status
    content_sha256: str
    width_px: int
    height_px: int
    format: str
    def __init__(self, embeddings: _Optional[_Iterable[_Union[Embedding, _Mapping]]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ..., content_sha256: _Optional[str] = ..., width_px: _Optional[int] = ..., height_px: _Optional[int] = ..., format: _Optional[str] = ...) -> None: ...

class Embedding(_message.Message):
    __slots__ = ("model", "fingerprint", "dimension", "vector")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    VECTOR_FIELD_NUMBER: _ClassVar[int]
    model: str
    fingerprint: str
    dimension: int
    vector: _types_pb2.Vector
    def __init__(self, model: _Optional[str] = ..., fingerprint: _Optional[str] = ..., dimension: _Optional[int] = ..., vector: _Optional[_Union[_types_pb2.Vector, _Mapping]] = ...) -> None: ...

class StreamEmbedRequest(_message.Message):
    __slots__ = ("item_id", "image", "models", "encoding")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    image: _types_pb2.Image
    models: _containers.RepeatedScalarFieldContainer[str]
    encoding: _types_pb2.VectorEncoding
    def __init__(self, item_id: _Optional[str] = ..., image: _Optional[_Union[_types_pb2.Image, _Mapping]] = ..., models: _Optional[_Iterable[str]] = ..., encoding: _Optional[_Union[_types_pb2.VectorEncoding, str]] = ...) -> None: ...

class StreamEmbedResponse(_message.Message):
    __slots__ = ("item_id", "result")
    ITEM_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    item_id: str
    result: EmbedResult
    def __init__(self, item_id: _Optional[str] = ..., result: _Optional[_Union[EmbedResult, _Mapping]] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models",)
    MODELS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetModelResponse(_message.Message):
    __slots__ = ("model",)
    MODEL_FIELD_NUMBER: _ClassVar[int]
    model: Model
    def __init__(self, model: _Optional[_Union[Model, _Mapping]] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("name", "description", "dimension", "preprocessing", "onnx_sha256", "fingerprint", "state", "license", "source")
    class State(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STATE_UNSPECIFIED: _ClassVar[Model.State]
        STATE_READY: _ClassVar[Model.State]
    STATE_UNSPECIFIED: Model.State
    STATE_READY: Model.State
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    DIMENSION_FIELD_NUMBER: _ClassVar[int]
    PREPROCESSING_FIELD_NUMBER: _ClassVar[int]
    ONNX_SHA256_FIELD_NUMBER: _ClassVar[int]
    FINGERPRINT_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LICENSE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    description: str
    dimension: int
    preprocessing: Preprocessing
    onnx_sha256: str
    fingerprint: str
    state: Model.State
    license: str
    source: str
    def __init__(self, name: _Optional[str] = ..., description: _Optional[str] = ..., dimension: _Optional[int] = ..., preprocessing: _Optional[_Union[Preprocessing, _Mapping]] = ..., onnx_sha256: _Optional[str] = ..., fingerprint: _Optional[str] = ..., state: _Optional[_Union[Model.State, str]] = ..., license: _Optional[str] = ..., source: _Optional[str] = ...) -> None: ...

class Preprocessing(_message.Message):
    __slots__ = ("input_width_px", "input_height_px", "resize_mode", "resize_filter", "resize_px", "crop", "colour_order", "scale", "mean", "std", "layout", "dtype", "output_tensor", "pooling", "normalisation", "decoding")
    INPUT_WIDTH_PX_FIELD_NUMBER: _ClassVar[int]
    INPUT_HEIGHT_PX_FIELD_NUMBER: _ClassVar[int]
    RESIZE_MODE_FIELD_NUMBER: _ClassVar[int]
    RESIZE_FILTER_FIELD_NUMBER: _ClassVar[int]
    RESIZE_PX_FIELD_NUMBER: _ClassVar[int]
    CROP_FIELD_NUMBER: _ClassVar[int]
    COLOUR_ORDER_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    STD_FIELD_NUMBER: _ClassVar[int]
    LAYOUT_FIELD_NUMBER: _ClassVar[int]
    DTYPE_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_TENSOR_FIELD_NUMBER: _ClassVar[int]
    POOLING_FIELD_NUMBER: _ClassVar[int]
    NORMALISATION_FIELD_NUMBER: _ClassVar[int]
    DECODING_FIELD_NUMBER: _ClassVar[int]
    input_width_px: int
    input_height_px: int
    resize_mode: str
    resize_filter: str
    resize_px: int
    crop: str
    colour_order: str
    scale: float
    mean: _containers.RepeatedScalarFieldContainer[float]
    std: _containers.RepeatedScalarFieldContainer[float]
    layout: str
    dtype: str
    output_tensor: str
    pooling: str
    normalisation: str
    decoding: str
    def __init__(self, input_width_px: _Optional[int] = ..., input_height_px: _Optional[int] = ..., resize_mode: _Optional[str] = ..., resize_filter: _Optional[str] = ..., resize_px: _Optional[int] = ..., crop: _Optional[str] = ..., colour_order: _Optional[str] = ..., scale: _Optional[float] = ..., mean: _Optional[_Iterable[float]] = ..., std: _Optional[_Iterable[float]] = ..., layout: _Optional[str] = ..., dtype: _Optional[str] = ..., output_tensor: _Optional[str] = ..., pooling: _Optional[str] = ..., normalisation: _Optional[str] = ..., decoding: _Optional[str] = ...) -> None: ...
