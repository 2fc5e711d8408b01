"""Folders of models, for tests of the embedder."""

import hashlib
import json
from pathlib import Path
from typing import Any

PREPROCESSING: dict[str, Any] = {
    "input_width_px": 8,
    "input_height_px": 8,
    "resize_mode": "stretch",
    "resize_filter": "BILINEAR",
    "resize_px": 0,
    "crop": "none",
    "colour_order": "RGB",
    "scale": 1 / 255,
    "mean": [0.0, 0.0, 0.0],
    "std": [1.0, 1.0, 1.0],
    "layout": "NCHW",
    "dtype": "float32",
    "output_tensor": "feature",
    "pooling": "none",
    "normalisation": "l2",
}

# What the README of the shared networks asks for; the mean and std are ImageNet's.
IMAGENET = {
    "input_width_px": 224,
    "input_height_px": 224,
    "resize_mode": "shorter_side",
    "resize_px": 256,
    "crop": "centre",
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}


def card(name: str, content: bytes, dimension: int, **preprocessing: Any) -> dict[str, Any]:
    """The contents of a model.toml that is right for `content`."""
    return {
        "name": name,
        "description": "made for a test",
        "license": "Apache-2.0",
        "source": "a test",
        "onnx_sha256": hashlib.sha256(content).hexdigest(),
        "dimension": dimension,
        "preprocessing": PREPROCESSING | preprocessing,
    }


def write(repository: Path, fields: dict[str, Any], content: bytes) -> Path:
    """Write a model's folder, named as the card says, and return it."""
    folder = repository / str(fields["name"])
    folder.mkdir(parents=True)
    (folder / "model.toml").write_text(toml(fields))
    (folder / "model.onnx").write_bytes(content)
    return folder


def toml(fields: dict[str, Any]) -> str:
    """Numbers, strings, booleans and lists of them are written alike in JSON and TOML."""
    top = [f"{key} = {json.dumps(value)}" for key, value in fields.items() if not isinstance(value, dict)]
    tables = [f"[{key}]\n{toml(value)}" for key, value in fields.items() if isinstance(value, dict)]
    return "\n".join([*top, *tables]) + "\n"
