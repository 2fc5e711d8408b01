"""What a request may hold, each rule once. Every function raises, or returns, InvalidField with the field's path."""

import re
from collections.abc import Sequence

import numpy as np

from search_service import filters
from search_service.encoding import attributes_text
from search_service.fusion import Fusion
from search_service.ports import DuplicateId
from search_service.reading import SearchParams
from search_service.values import Attributes, Binding, Collection, IndexSpec, Vector, Version
from servicekit.errors import InvalidField, Violation, invalid_field

_COLLECTION_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")
_IMAGE_ID = re.compile(r"[A-Za-z0-9._:/@-]{1,128}")
# As the embedder names its models.
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MAX_FINGERPRINT_CHARS = 128
_SHA256 = re.compile(r"[0-9a-f]{64}")
_WRITE_ID = re.compile(r"[A-Za-z0-9-]{0,64}")
_REQUEST_ID = re.compile(r"[0-9a-f-]{36}")
_MAX_MODELS = 16
_MAX_DESCRIPTION_CHARS = 1000
# Milvus takes no others.
_MIN_DIMENSION, _MAX_DIMENSION = 2, 32768
_MAX_BATCH = 64
_MAX_DELETED = 1000
_MAX_PAGE = 1000
_MAX_TOP_K = 1000
_MAX_DISTANCE = 2.0
_MAX_URI_BYTES = 2048
MAX_ATTRIBUTE_CHARS = 128
_MAX_ATTRIBUTES_BYTES = 16 * 1024
MAX_FILTER_DEPTH = 8
_MAX_FILTER_NODES = 256
_MAX_WEIGHT = 1000.0
_MAX_K = 10_000
_UNIT_TOLERANCE = 1e-3
_MAX_EF = 32_768
_MAX_NPROBE = 65_536
_MAX_SEARCH_LIST = 65_535


def require_collection(collection: Collection) -> None:
    """Check a collection that is to be made."""
    if not _COLLECTION_NAME.fullmatch(collection.name):
        raise invalid_field("collection.name", f"must match {_COLLECTION_NAME.pattern}")
    require_count("collection.models", len(collection.bindings), _MAX_MODELS, "models")
    if len({binding.model for binding in collection.bindings}) < len(collection.bindings):
        raise invalid_field("collection.models", "a model is named twice")
    if len(collection.description) > _MAX_DESCRIPTION_CHARS:
        raise invalid_field("collection.description", f"at most {_MAX_DESCRIPTION_CHARS} characters")
    for i, binding in enumerate(collection.bindings):
        _require_binding(f"collection.bindings[{i}]", binding)
    _require_index(collection.index)


def require_model(collection: Collection, model: Binding) -> None:
    """Check a model that a collection is to have beside those that it has."""
    if len(collection.bindings) == _MAX_MODELS:
        raise invalid_field("model", f"the collection has {_MAX_MODELS} models, the most that it may have")
    _require_binding("binding", model)


def _require_binding(field: str, binding: Binding) -> None:
    if not _MODEL.fullmatch(binding.model):
        raise invalid_field(f"{field}.model", f"must match {_MODEL.pattern}")
    if not 1 <= len(binding.fingerprint) <= _MAX_FINGERPRINT_CHARS:
        raise invalid_field(f"{field}.fingerprint", f"1 to {_MAX_FINGERPRINT_CHARS} characters")
    require_range(f"{field}.dimension", binding.dimension, _MIN_DIMENSION, _MAX_DIMENSION)


def _require_index(index: IndexSpec) -> None:
    require_range("collection.index.m", index.m, 2, 128)
    require_range("collection.index.ef_construction", index.ef_construction, 8, 1024)
    require_range("collection.index.nlist", index.nlist, 1, 65536)


def require_range(field: str, value: float, low: float, high: float) -> None:
    """Check a number against its bounds."""
    if not low <= value <= high:
        raise invalid_field(field, f"must be in [{low}, {high}], is {value}")


def require_count(field: str, count: int, most: int, things: str) -> None:
    """Check how many things a list holds: at least one."""
    if not 1 <= count <= most:
        raise invalid_field(field, f"has {count:,} {things}; 1 to {most:,} are taken")


def require_batch(image_ids: Sequence[str]) -> None:
    """Check the size of a batch to write, and that no id stands twice in it.

    Raises:
        DuplicateId: one does.
    """
    require_count("images", len(image_ids), _MAX_BATCH, "images")
    first: dict[str, int] = {}
    for i, image_id in enumerate(image_ids):
        if first.setdefault(image_id, i) != i:
            field = f"images[{i}].image_id"
            problem = f"{image_id!r} is the id of images[{first[image_id]}] too"
            raise DuplicateId(f"{field}: {problem}", violations=[Violation(field, problem)])


def problem_of(version: Version, field: str) -> InvalidField | None:
    """Return what is wrong with one image to write, if anything is."""
    if not _IMAGE_ID.fullmatch(version.image_id):
        return invalid_field(f"{field}.image_id", f"must match {_IMAGE_ID.pattern}")
    if not _SHA256.fullmatch(version.content_sha256):
        return invalid_field(f"{field}.content_sha256", f"must match {_SHA256.pattern}")
    if len(version.uri.encode()) > _MAX_URI_BYTES:
        return invalid_field(f"{field}.uri", f"at most {_MAX_URI_BYTES} bytes")
    return _problem_of_attributes(version.attributes, f"{field}.attributes")


def _problem_of_attributes(attributes: Attributes, field: str) -> InvalidField | None:
    # A filter can name no others.
    if not all(1 <= len(name) <= MAX_ATTRIBUTE_CHARS for name in attributes):
        return invalid_field(field, f"names must have 1 to {MAX_ATTRIBUTE_CHARS} characters")
    try:
        size = len(attributes_text(attributes).encode())
    except ValueError:
        return invalid_field(field, "numbers must be finite")
    if size > _MAX_ATTRIBUTES_BYTES:
        return invalid_field(field, f"at most {_MAX_ATTRIBUTES_BYTES} bytes as JSON, is {size}")
    return None


def require_vector(field: str, vector: Vector, model: str, dimension: int) -> None:
    """Check that a vector has its model's length, is finite and is of Euclidean length 1."""
    if vector.shape != (dimension,):
        raise invalid_field(field, f"model {model!r} needs {dimension} components, not {vector.size}")
    if not abs(float(np.linalg.norm(vector)) - 1.0) <= _UNIT_TOLERANCE:
        raise invalid_field(field, f"the vector of model {model!r} is not of length 1")


def require_one_each(field: str, models: Sequence[str]) -> None:
    """Check that no model has two vectors."""
    if len(set(models)) < len(models):
        raise invalid_field(field, "a model stands twice")


def require_page(page_size: int) -> None:
    """Check the size of a page."""
    require_range("page_size", page_size, 0, _MAX_PAGE)


def require_image_id(image_id: str) -> None:
    """Check one id."""
    if not _IMAGE_ID.fullmatch(image_id):
        raise invalid_field("image_id", f"must match {_IMAGE_ID.pattern}")


def require_sha256(field: str, sha256: str) -> None:
    """Check a hash in lower-case hex."""
    if not _SHA256.fullmatch(sha256):
        raise invalid_field(field, f"must match {_SHA256.pattern}")


def require_write_id(field: str, write_id: str) -> None:
    """Check the name of a write."""
    if not _WRITE_ID.fullmatch(write_id):
        raise invalid_field(field, f"must match {_WRITE_ID.pattern}")


def require_request_id(request_id: str) -> None:
    """Check the id of a request whose answer is kept: a UUID in lower-case hex."""
    if not _REQUEST_ID.fullmatch(request_id):
        raise invalid_field("request_id", f"must match {_REQUEST_ID.pattern}")


def require_deletion(image_ids: Sequence[str]) -> None:
    """Check ids to delete."""
    if not image_ids:
        raise invalid_field("image_ids", f"give 1 to {_MAX_DELETED:,} ids, or a filter")
    require_count("image_ids", len(image_ids), _MAX_DELETED, "ids")
    for i, image_id in enumerate(image_ids):
        if not _IMAGE_ID.fullmatch(image_id):
            raise invalid_field(f"image_ids[{i}]", f"must match {_IMAGE_ID.pattern}")


def require_search(top_k: int, max_distance: float | None, rule: Fusion) -> None:
    """Check the numbers of a search."""
    require_range("top_k", top_k, 1, _MAX_TOP_K)
    if max_distance is not None:
        require_range("max_distance", max_distance, 0.0, _MAX_DISTANCE)
    require_range("fusion.k", rule.k, 1, _MAX_K)
    for model, weight in rule.weights.items():
        require_range(f"fusion.weights[{model}]", weight, 0.0, _MAX_WEIGHT)


def require_weights(rule: Fusion, models: Sequence[str]) -> None:
    """Check that weights are of models that are searched, and that one of these counts."""
    for model in rule.weights:
        if model not in models:
            raise invalid_field("fusion.weights", f"{model!r} is not among the models searched")
    if not any(rule.weight(model) for model in models):
        raise invalid_field("fusion.weights", "at least one model must weigh more than zero")


def require_sample(label_attribute: str, sample_size: int) -> None:
    """Check what images are measured by and how many are searched with."""
    if not label_attribute:
        raise invalid_field("label_attribute", "name an attribute")
    if sample_size < 0:
        raise invalid_field("sample_size", f"must be at least 0, is {sample_size}")


def require_duplicates(model: str, max_distance: float) -> None:
    """Check which images count as duplicates."""
    if not model:
        raise invalid_field("model", "name a model")
    require_range("max_distance", max_distance, 0.0, _MAX_DISTANCE)


def require_search_params(params: SearchParams) -> None:
    """Check how hard a search is to look; zero is no demand."""
    require_range("search_params.ef", params.ef, 0, _MAX_EF)
    require_range("search_params.nprobe", params.nprobe, 0, _MAX_NPROBE)
    require_range("search_params.search_list", params.search_list, 0, _MAX_SEARCH_LIST)


def require_filter(condition: filters.Filter) -> None:
    """Check how deep and how large a filter is."""
    if filters.depth(condition) > MAX_FILTER_DEPTH:
        raise invalid_field("filter", f"at most {MAX_FILTER_DEPTH} levels deep")
    if filters.size(condition) > _MAX_FILTER_NODES:
        raise invalid_field("filter", f"at most {_MAX_FILTER_NODES} nodes")
