"""Folders of models, for tests of the embedder."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import helper, numpy_helper

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
IMAGENET: dict[str, Any] = {
    "input_width_px": 224,
    "input_height_px": 224,
    "resize_mode": "shorter_side",
    "resize_px": 256,
    "crop": "centre",
    "mean": [0.485, 0.456, 0.406],
    "std": [0.229, 0.224, 0.225],
}

# The shared networks and the lengths of their vectors.
NETWORKS = {"resnet50_w1a2": 2048, "googlenet": 1024, "mobilenetv2": 1280, "squeezenet1.1": 512}


def write_network(repository: Path, shared_data: Path, name: str) -> None:
    """Write the folder of one of the shared networks."""
    content = (shared_data / "models" / f"{name}.onnx").read_bytes()
    write(repository, card(name, content, NETWORKS[name], **IMAGENET), content)


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


Port = tuple[str, int, Sequence[int | str]]
"""Name, element type and shape of a graph's input or output."""
FLOAT, UINT8 = onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8
INPUT: Port = ("input", FLOAT, ["n", 3, 8, 8])
FEATURE: Port = ("feature", FLOAT, ["n", "d"])


def node(operator: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(operator, inputs, outputs, **attributes)


MEAN = node("ReduceMean", ["input"], ["mean"], axes=[2, 3], keepdims=0)


def network(
    *nodes: onnx.NodeProto,
    inputs: Sequence[Port] = (INPUT,),
    outputs: Sequence[Port] = (FEATURE,),
    **constants: npt.NDArray[Any],
) -> bytes:
    """An ONNX file of these nodes."""
    graph = helper.make_graph(
        nodes,
        "test",
        [helper.make_tensor_value_info(*port) for port in inputs],
        [helper.make_tensor_value_info(*port) for port in outputs],
        [numpy_helper.from_array(values, name) for name, values in constants.items()],
    )
    domains = {node.domain for node in nodes} | {""}
    opsets = [helper.make_opsetid(domain, 1 if domain else 17) for domain in sorted(domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString()


def flat(*port: Any) -> bytes:
    """The input itself, as numbers in a row."""
    inputs: list[Port] = [port] if port else [INPUT]
    cast = node("Cast", ["input"], ["numbers"], to=FLOAT)
    return network(cast, node("Flatten", ["numbers"], ["feature"]), inputs=inputs)


def average_colour(side: int = 8, bias: float = 0) -> bytes:
    """Three numbers a picture; for a black one, each is `bias`."""
    add = node("Add", ["mean", "bias"], ["feature"])
    return network(MEAN, add, inputs=[("input", FLOAT, ["n", 3, side, side])], bias=np.array(bias, np.float32))


def constant(values: list[float]) -> bytes:
    """A network that gives the same whatever it sees."""
    zero = node("Mul", ["mean", "nothing"], ["zero"])
    total = node("Add", ["zero", "values"], ["feature"])
    return network(MEAN, zero, total, nothing=np.array(0, np.float32), values=np.array(values, np.float32))


def relative_colour() -> bytes:
    """As average_colour, over the brightest: 0/0 for a black picture."""
    return network(
        MEAN,
        node("ReduceMax", ["input"], ["most"], axes=[2, 3], keepdims=0),
        node("Div", ["mean", "most"], ["feature"]),
    )


def _slowly(times: str) -> list[onnx.NodeProto]:
    """The average colour, after counting to `times`."""
    numbers: list[Port] = [("i", onnx.TensorProto.INT64, []), ("go", onnx.TensorProto.BOOL, []), ("x", FLOAT, [])]
    results: list[Port] = [("go_on", onnx.TensorProto.BOOL, []), ("y", FLOAT, [])]
    step = helper.make_graph(
        [node("Identity", ["go"], ["go_on"]), node("Cos", ["x"], ["y"])],
        "step",
        [helper.make_tensor_value_info(*port) for port in numbers],
        [helper.make_tensor_value_info(*port) for port in results],
    )
    loop = node("Loop", [times, "", "zero"], ["end"], body=step)
    return [loop, node("Mul", ["end", "zero"], ["nothing"]), MEAN, node("Add", ["mean", "nothing"], ["feature"])]


def endless() -> bytes:
    """Counts to 2^62 first."""
    return counting(2**62)


def counting(times: int) -> bytes:
    """Counts so far first."""
    return network(*_slowly("many"), zero=np.array(0, np.float32), many=np.array(times))


def endless_on_black() -> bytes:
    """The average colour; but where a batch has only black pictures, it counts to 2^62 first."""
    return _endless_where(
        node("ReduceMax", ["input"], ["most"], keepdims=0), node("Equal", ["most", "zero"], ["is_endless"])
    )


def endless_on_four() -> bytes:
    """The average colour; but where a batch has four pictures, it counts to 2^62 first."""
    return _endless_where(
        node("Constant", [], ["first"], value_int=0),
        node("Constant", [], ["four"], value_int=4),
        node("Shape", ["input"], ["shape"]),
        node("Gather", ["shape", "first"], ["size"]),
        node("Equal", ["size", "four"], ["is_endless"]),
    )


def _endless_where(*nodes: onnx.NodeProto) -> bytes:
    return network(
        *nodes,
        node("Where", ["is_endless", "many", "once"], ["times"]),
        *_slowly("times"),
        zero=np.array(0, np.float32),
        many=np.array(2**62),
        once=np.array(1),
    )


def with_weights_at(location: str) -> bytes:
    """Three weights that the file does not hold itself."""
    tensor = onnx.TensorProto(name="weights", data_type=FLOAT, dims=[3], data_location=onnx.TensorProto.EXTERNAL)
    for key, value in (("location", location), ("offset", "0"), ("length", "12")):
        tensor.external_data.add(key=key, value=value)
    model = onnx.ModelProto.FromString(network(MEAN, node("Add", ["mean", "weights"], ["feature"])))
    model.graph.initializer.append(tensor)
    return model.SerializeToString()
