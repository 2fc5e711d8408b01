"""What a model.toml may say, and the fingerprint that follows."""

import hashlib
import json
from typing import Any

import pytest
from pydantic import ValidationError

from embedder_service.geometry import Geometry
from embedder_service.model_card import ModelCard, Preprocessing
from likeness.v1 import embedder_pb2
from tests import embedder_models
from tests.embedder_models import IMAGENET, PREPROCESSING

OTHER_VALUES: dict[str, Any] = {
    "input_width_px": 9,
    "input_height_px": 9,
    "resize_mode": "shorter_side",
    "resize_filter": "BICUBIC",
    "resize_px": 256,
    "crop": "centre",
    "colour_order": "BGR",
    "scale": 1.0,
    "mean": (0.0, 0.0, 0.1),
    "std": (1.0, 1.0, 1.1),
    "layout": "NHWC",
    "dtype": "uint8",
    "output_tensor": "prob",
    "pooling": "max",
    "normalisation": "none",
    "decoding": "scaled",
}


def card(**preprocessing: Any) -> ModelCard:
    return ModelCard.model_validate(embedder_models.card("m", b"network", 3, **preprocessing))


def test_the_fields_are_those_of_the_contract() -> None:
    described = embedder_pb2.Preprocessing.DESCRIPTOR.fields
    assert list(Preprocessing.model_fields) == [field.name for field in described]


def test_the_fingerprint_is_a_hash_of_the_network_and_of_all_its_preprocessing() -> None:
    fields = json.dumps(PREPROCESSING, sort_keys=True, separators=(",", ":"))
    expected = hashlib.sha256(f"{hashlib.sha256(b'network').hexdigest()}\n{fields}".encode()).hexdigest()
    assert card().fingerprint == expected


@pytest.mark.parametrize("field", Preprocessing.model_fields)
def test_every_field_changes_the_fingerprint(field: str) -> None:
    """One field alone, which around the check of values is possible for all."""
    other = card().preprocessing.model_copy(update={field: OTHER_VALUES[field]})
    assert card().model_copy(update={"preprocessing": other}).fingerprint != card().fingerprint


def test_the_network_is_in_the_fingerprint_and_the_prose_is_not() -> None:
    fields = embedder_models.card("m", b"network", 3)
    same = ModelCard.model_validate(fields | {"description": "other", "source": "other", "license": "other"})
    other = ModelCard.model_validate(embedder_models.card("m", b"another network", 3))
    assert card().fingerprint == same.fingerprint != other.fingerprint


def test_a_copy_with_something_else_in_it_has_its_own_fingerprint() -> None:
    first = card()
    assert first.fingerprint != first.model_copy(update={"onnx_sha256": "0" * 64}).fingerprint


def test_zero_has_one_sign() -> None:
    assert card(mean=[-0.0, 0.0, 0.0]).fingerprint == card(mean=[0.0, 0.0, 0.0]).fingerprint
    assert str(card(mean=[-0.0, 0.0, 0.0]).preprocessing.mean) == "(0.0, 0.0, 0.0)"


def test_whole_numbers_do_for_real_ones() -> None:
    """TOML tells 1 from 1.0; whoever writes a mean of [0, 0, 0] means the same."""
    assert card(scale=1, mean=[0, 0, 0], std=[1, 1, 1]).fingerprint == card(scale=1.0).fingerprint


@pytest.mark.parametrize(
    "wrong",
    [
        {"resize_px": 256},
        {"crop": "centre"},
        {"resize_mode": "shorter_side", "resize_px": 8},
        IMAGENET | {"resize_px": 223},
        {"dtype": "uint8"},
        {"dtype": "uint8", "scale": 1.0, "mean": [1.0, 0.0, 0.0]},
        {"scale": 0.0},
        {"scale": float("inf")},
        {"std": [1.0, 0.0, 1.0]},
        {"mean": [0.0, 0.0]},
        {"mean": [0.0, 0.0, float("nan")]},
        {"resize_filter": "bilinear"},
        {"colour_order": "GRB"},
        {"layout": "CHW"},
        {"normalisation": "none"},
        {"input_width_px": 0},
        {"input_width_px": "8"},
        {"output_tensor": ""},
        {"antialias": True},
    ],
    ids=str,
)
def test_contradictions_and_unknown_values_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        card(**wrong)


@pytest.mark.parametrize("field", sorted(Preprocessing.model_fields.keys() - {"decoding"}))
def test_no_field_has_a_default(field: str) -> None:
    """But for the one that came later."""
    fields = embedder_models.card("m", b"", 3)
    fields["preprocessing"].pop(field)
    with pytest.raises(ValidationError):
        ModelCard.model_validate(fields)


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "a b", "a" * 65])
def test_names_are_simple(name: str) -> None:
    with pytest.raises(ValidationError):
        ModelCard.model_validate(embedder_models.card(name, b"", 3))


def test_models_that_want_the_same_pixels_have_equal_geometries() -> None:
    assert card(**IMAGENET).preprocessing.geometry == Geometry(224, 224, "BILINEAR", 256)
    assert card(**IMAGENET, colour_order="BGR").preprocessing.geometry == card(**IMAGENET).preprocessing.geometry
    assert card().preprocessing.geometry == Geometry(8, 8, "BILINEAR", 0)
