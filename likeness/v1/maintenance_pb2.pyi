from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SweepRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SweepResponse(_message.Message):
    __slots__ = ("swept_count", "refused_collections")
    SWEPT_COUNT_FIELD_NUMBER: _ClassVar[int]
    REFUSED_COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    swept_count: int
    refused_collections: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, swept_count: _Optional[int] = ..., refused_collections: _Optional[_Iterable[str]] = ...) -> None: ...

class ReconcileRequest(_message.Message):
    __slots__ = ("collections", "repair", "force")
    COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    REPAIR_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    collections: _containers.RepeatedScalarFieldContainer[str]
    repair: bool
    force: bool
    def __init__(self, collections: _Optional[_Iterable[str]] = ..., repair: bool = ..., force: bool = ...) -> None: ...

class ReconcileResponse(_message.Message):
    __slots__ = ("progress", "findings")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ...) -> None: ...

class RebuildRequest(_message.Message):
    __slots__ = ("collections",)
    COLLECTIONS_FIELD_NUMBER: _ClassVar[int]
    collections: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, collections: _Optional[_Iterable[str]] = ...) -> None: ...

class RebuildResponse(_message.Message):
    __slots__ = ("progress", "findings", "restored_count")
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    RESTORED_COUNT_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    restored_count: int
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., restored_count: _Optional[int] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ("collection", "done_count", "total_count")
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    DONE_COUNT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_COUNT_FIELD_NUMBER: _ClassVar[int]
    collection: str
    done_count: int
    total_count: int
    def __init__(self, collection: _Optional[str] = ..., done_count: _Optional[int] = ..., total_count: _Optional[int] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("kind", "collection", "model", "image_id", "generation", "repaired")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Finding.Kind]
        KIND_ORPHAN_ROW: _ClassVar[Finding.Kind]
        KIND_MISSING_ROW: _ClassVar[Finding.Kind]
        KIND_MISSING_SPACE: _ClassVar[Finding.Kind]
        KIND_RECORDS_FELL: _ClassVar[Finding.Kind]
        KIND_LOST_COLLECTION: _ClassVar[Finding.Kind]
        KIND_INCOMPLETE_IMAGE: _ClassVar[Finding.Kind]
        KIND_RENAMED_COLLECTION: _ClassVar[Finding.Kind]
        KIND_NO_DEFINITION: _ClassVar[Finding.Kind]
    KIND_UNSPECIFIED: Finding.Kind
    KIND_ORPHAN_ROW: Finding.Kind
    KIND_MISSING_ROW: Finding.Kind
    KIND_MISSING_SPACE: Finding.Kind
    KIND_RECORDS_FELL: Finding.Kind
    KIND_LOST_COLLECTION: Finding.Kind
    KIND_INCOMPLETE_IMAGE: Finding.Kind
    KIND_RENAMED_COLLECTION: Finding.Kind
    KIND_NO_DEFINITION: Finding.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    COLLECTION_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    REPAIRED_FIELD_NUMBER: _ClassVar[int]
    kind: Finding.Kind
    collection: str
    model: str
    image_id: str
    generation: int
    repaired: bool
    def __init__(self, kind: _Optional[_Union[Finding.Kind, str]] = ..., collection: _Optional[str] = ..., model: _Optional[str] = ..., image_id: _Optional[str] = ..., generation: _Optional[int] = ..., repaired: bool = ...) -> None: ...
