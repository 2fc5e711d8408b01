"""Anybody's network to a model: its graph cut at the feature, and a card that says what its pictures must be."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from embedder_service.model_card import ModelCard
from embedder_service.model_tools import pooled, runtime
from embedder_service.model_tools.errors import ToolError
from embedder_service.model_tools.graph import Network
from embedder_service.model_tools.presets import PRESETS

_SIDE_PX = 224
_CHANNELS = 3
_PICTURE_AXES = 4


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the operator says of a network; None and "" leave it to the graph or to the preset."""

    name: str
    preset: str
    output: str | None = None
    """A tensor, or the node that makes it."""
    pooling: str | None = None
    size_px: int | None = None
    resize_px: int | None = None
    resize_filter: str | None = None
    decoding: str = "exact"
    description: str = ""
    license: str = ""
    source: str = ""


def make(network: Network, wishes: Wishes) -> tuple[ModelCard, bytes]:
    """Turn a network into a model's card and the file that goes with it.

    Raises:
        ToolError: the graph, or what was said of it, does not allow it.
    """
    given = network.input
    layout, height, width = _picture(given.shape, wishes.size_px)
    feature = _feature(network, wishes)
    network.cut(feature.tensor)
    network.free_batch()
    size = (_CHANNELS, height, width) if layout == "NCHW" else (height, width, _CHANNELS)
    dimension = _make_flat(network, runtime.output_shape(network.to_bytes(), size, given.dtype), feature.pooling)
    network.name_dimension(dimension)
    content = network.to_bytes()
    graph = {"layout": layout, "dtype": given.dtype, "output_tensor": network.feature}
    return _card(wishes, content, dimension, _preprocessing(wishes, width, height) | graph), content


def _picture(shape: Sequence[int | None], size_px: int | None) -> tuple[str, int, int]:
    """Return the layout, the height and the width of what a graph takes."""
    if len(shape) == _PICTURE_AXES and _CHANNELS in (shape[1], shape[3]):
        layout = "NCHW" if shape[1] == _CHANNELS else "NHWC"
        sides = shape[2:4] if layout == "NCHW" else shape[1:3]
        if size_px and any(side not in (None, size_px) for side in sides):
            raise ToolError(f"the graph takes pictures of {sides[1]} x {sides[0]} pixels, not of {size_px}")
        height, width = (side or size_px or _SIDE_PX for side in sides)
        return layout, height, width
    raise ToolError(f"the graph's input has shape {list(shape)}; pictures are [n, 3, h, w] or [n, h, w, 3]")


def _feature(network: Network, wishes: Wishes) -> pooled.Feature:
    operations = network.operations()
    found = pooled.find(operations, network.output)
    if wishes.output is not None:
        tensor = network.tensor(wishes.output)
        usual = next((each.pooling for each in found if each.tensor == tensor), "average")
        return pooled.Feature(tensor, wishes.pooling or usual)
    if len(found) == 1:
        return pooled.Feature(found[0].tensor, wishes.pooling or found[0].pooling)
    raise ToolError(f"name the feature with --output: {_choice(found, operations)}")


def _choice(found: Sequence[pooled.Feature], operations: Sequence[pooled.Operation]) -> str:
    """Say what --output could name."""
    if found:
        pooled_last, *before = (each.tensor for each in found)
        either = f"{pooled_last} if the graph ends with features"
        return either + "".join(f", {tensor} if it ends with scores of classes" for tensor in before)
    last = ", ".join(output for each in operations[:-6:-1] for output in each.outputs)
    return f"no pooling leads to the graph's output, whose last tensors are {last}"


def _make_flat(network: Network, shape: Sequence[int], pooling: str) -> int:
    """Leave one number a channel in the output, and return how many."""
    if len(shape) == _PICTURE_AXES:
        # Square maps: the channel axis is the one whose size is not the other two's.
        channel_axis = 3 if shape[1] == shape[2] and shape[2] != shape[3] else 1
        network.pool(pooling, channel_axis)
        return shape[channel_axis]
    if len(shape) == 2:  # noqa: PLR2004 a picture and its numbers
        return shape[1]
    raise ToolError(f"what --output names has shape {list(shape)}; wanted is [n, numbers] or a map of four axes")


def _preprocessing(wishes: Wishes, width: int, height: int) -> dict[str, Any]:
    fields = PRESETS[wishes.preset].fields(width, height)
    if wishes.resize_filter:
        fields["resize_filter"] = wishes.resize_filter
    if wishes.resize_px:
        fields |= {"resize_mode": "shorter_side", "resize_px": wishes.resize_px, "crop": "centre"}
    return fields | {"decoding": wishes.decoding, "pooling": "none", "normalisation": "l2"}


def _card(wishes: Wishes, content: bytes, dimension: int, preprocessing: dict[str, Any]) -> ModelCard:
    fields = {
        "name": wishes.name,
        "description": wishes.description,
        "license": wishes.license,
        "source": wishes.source,
        "onnx_sha256": sha256(content).hexdigest(),
        "dimension": dimension,
        "preprocessing": preprocessing,
    }
    try:
        return ModelCard.model_validate(fields)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ToolError(f"no model can be made of that: {problems}") from None
