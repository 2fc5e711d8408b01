"""ONNX files: read, cut at a feature, made ready for batches, written."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

from embedder_service.faults import first_line
from embedder_service.model_tools.errors import ToolError
from embedder_service.model_tools.pooled import Operation

_BATCH = "batch"
# What pooling adds, in this order, from the map to the output.
_OURS = ("map", "channels_first", "pooled", "feature")
_ELEMENT_TYPES: dict[int, str] = {TensorProto.FLOAT: "float32", TensorProto.UINT8: "uint8"}
# Where a quantised operator names the scale and the zero point of what it makes.
_QUANTISED = {
    "QuantizeLinear": (1, 2),
    "QLinearConv": (6, 7),
    "QLinearAdd": (6, 7),
    "QLinearConcat": (0, 1),
    "QLinearGlobalAveragePool": (3, 4),
    "QLinearAveragePool": (3, 4),
    "QLinearLeakyRelu": (3, 4),
    "QLinearSigmoid": (3, 4),
}
# They pass on numbers as they are, and so their scale.
_UNCHANGED = {
    "MaxPool",
    "Reshape",
    "Flatten",
    "Transpose",
    "Squeeze",
    "Unsqueeze",
    "Identity",
    "Relu",
    "Clip",
    "Dropout",
}


@dataclass(frozen=True, slots=True)
class Input:
    """What a network takes."""

    name: str
    dtype: str
    """float32 or uint8."""
    shape: Sequence[int | None]
    """None where the graph leaves a size free."""


class Network:
    """A graph with one input."""

    def __init__(self, model: ModelProto) -> None:
        self._model = model
        self._graph = model.graph
        self._prefix = ""
        weights = {tensor.name for tensor in self._graph.initializer}
        # Old files list their weights among the inputs.
        _keep(self._graph.input, lambda each: each.name not in weights)
        if len(self._graph.input) != 1:
            raise ToolError(f"the graph has {len(self._graph.input)} inputs; a model takes one picture")

    @classmethod
    def read(cls, path: Path) -> "Network":
        """Read a file, and the files of weights beside it that it names.

        Raises:
            ToolError: it is no ONNX file, or names weights that are not in its folder.
        """
        try:
            model = onnx.load(path)
            onnx.checker.check_model(model)
        except OSError as error:
            raise ToolError(f"{path}: {error.strerror}") from None
        except (DecodeError, ValueError, onnx.checker.ValidationError) as error:
            raise ToolError(f"{path} is no ONNX file that can be read: {first_line(error)}") from None
        return cls(model)

    @classmethod
    def parse(cls, content: bytes) -> "Network":
        """Read the bytes of a file that holds all of its weights."""
        return cls(ModelProto.FromString(content))

    @property
    def input(self) -> Input:
        """Its one input.

        Raises:
            ToolError: it takes neither float32 nor uint8.
        """
        given = self._graph.input[0]
        tensor = given.type.tensor_type
        if tensor.elem_type not in _ELEMENT_TYPES:
            kind = TensorProto.DataType.Name(tensor.elem_type)
            raise ToolError(f"the graph's input {given.name!r} is {kind}; a model takes FLOAT or UINT8")
        sizes = [axis.dim_value if axis.HasField("dim_value") else None for axis in tensor.shape.dim]
        return Input(given.name, _ELEMENT_TYPES[tensor.elem_type], [size or None for size in sizes])

    @property
    def feature(self) -> str:
        """Name of the output that `cut` makes."""
        return self._named("feature")

    @property
    def output(self) -> str:
        """Name of its first output."""
        return self._graph.output[0].name

    @property
    def is_quantised(self) -> bool:
        """Whether it computes in 8-bit integers, in all of it or in parts."""
        return any(node.op_type in _QUANTISED for node in self._graph.node)

    def operations(self) -> list[Operation]:
        """Return its nodes, in the order in which they run."""
        constants = {tensor.name: tensor for tensor in self._constants()}
        return [
            Operation(node.op_type, [*node.input], [*node.output], _axes(node, constants)) for node in self._graph.node
        ]

    def tensor(self, name: str) -> str:
        """Return the tensor that is meant by its own name, or by the name of the node that makes it.

        Raises:
            ToolError: there is neither.
        """
        made = {output for node in self._graph.node for output in node.output}
        named = {node.name: node.output[0] for node in self._graph.node if node.name}
        if name not in made and name not in named:
            raise ToolError(f"the graph has no tensor and no node named {name!r}")
        return name if name in made else named[name]

    def cut(self, tensor: str) -> None:
        """Keep only what `tensor` needs; it becomes the output `feature`, in float32."""
        taken = {name for node in self._graph.node for name in (*node.input, *node.output)}
        while taken & {self._named(name) for name in _OURS}:
            self._prefix += "_"
        dequantised = [*self._dequantised(tensor)]
        cast = helper.make_node("Cast", [tensor], [self.feature], to=TensorProto.FLOAT)
        self._graph.node.extend(dequantised or [cast])
        needed = _needed(self._graph.node, self.feature)
        _keep(self._graph.node, lambda node: not needed.isdisjoint(node.output))
        used = {name for node in self._graph.node for name in _reads(node)}
        _keep(self._graph.initializer, lambda each: each.name in used)
        del self._graph.value_info[:], self._graph.output[:]
        self._graph.output.append(helper.make_tensor_value_info(self.feature, TensorProto.FLOAT, None))

    def pool(self, pooling: str, channel_axis: int) -> None:
        """Make the output [batch, channels]: the average or maximum of a map over the axes that are not channels."""
        for node in self._graph.node:
            node.output[:] = [self._named("map") if name == self.feature else name for name in node.output]
        first = [0, channel_axis, *(axis for axis in (1, 2, 3) if axis != channel_axis)]
        operator = "GlobalMaxPool" if pooling == "max" else "GlobalAveragePool"
        names = list(map(self._named, _OURS))
        steps: list[tuple[str, dict[str, Any]]] = [
            ("Transpose", {"perm": first}),
            (operator, {}),
            ("Flatten", {"axis": 1}),
        ]
        for (step, attributes), taken, made in zip(steps, names, names[1:], strict=False):
            self._graph.node.append(helper.make_node(step, [taken], [made], **attributes))

    def free_batch(self) -> None:
        """Let the first axis be of any size: in the input, and where a reshape names it."""
        axis = self._graph.input[0].type.tensor_type.shape.dim[0]
        fixed = axis.dim_value
        axis.dim_param = _BATCH
        shapes = {node.input[1] for node in self._graph.node if node.op_type == "Reshape"}
        for tensor in self._constants():
            if fixed and tensor.name in shapes:
                _free_shape(tensor, fixed)

    def name_dimension(self, dimension: int) -> None:
        """Declare the output as [batch, dimension]."""
        del self._graph.output[:]
        self._graph.output.append(helper.make_tensor_value_info(self.feature, TensorProto.FLOAT, [_BATCH, dimension]))

    def to_bytes(self) -> bytes:
        """Return the file, with all its weights in it.

        Raises:
            ToolError: it is over the 2 GiB that one file may have.
        """
        try:
            return self._model.SerializeToString(deterministic=True)
        except ValueError:
            raise ToolError("the network is over 2 GiB, which no single ONNX file can hold") from None

    def _named(self, name: str) -> str:
        return self._prefix + name

    def _constants(self) -> Iterator[TensorProto]:
        yield from self._graph.initializer
        for node in self._graph.node:
            if node.op_type == "Constant":
                for attribute in node.attribute:
                    if attribute.name == "value":
                        # The tensor itself has no name, or another than what the node gives it.
                        attribute.t.name = node.output[0]
                        yield attribute.t

    def _dequantised(self, tensor: str) -> Iterator[NodeProto]:
        """Yield what turns bytes into numbers, where `tensor` is what a quantised operator made."""
        makers = {name: node for node in self._graph.node for name in node.output}
        node = makers.get(tensor)
        while node is not None and node.op_type in _UNCHANGED:
            node = makers.get(node.input[0])
        if node is not None and node.op_type in _QUANTISED:
            scale, zero_point = (node.input[place] for place in _QUANTISED[node.op_type])
            yield helper.make_node("DequantizeLinear", [tensor, scale, zero_point], [self.feature])


def _needed(nodes: Iterable[NodeProto], tensor: str) -> set[str]:
    """Return the tensors that `tensor` is made of, itself among them."""
    makers = {name: node for node in nodes for name in node.output if name}
    needed: set[str] = set()
    pending = [tensor]
    while pending:
        name = pending.pop()
        if name not in needed:
            needed.add(name)
            pending.extend(_reads(makers[name]) if name in makers else ())
    return needed


def _reads(node: NodeProto) -> Iterator[str]:
    """Yield what a node takes, and what the graphs inside it take from around them."""
    yield from (name for name in node.input if name)
    for attribute in node.attribute:
        for graph in (attribute.g, *attribute.graphs):
            for inner in graph.node:
                yield from _reads(inner)
            yield from (output.name for output in graph.output)


def _keep(items: Any, wanted: Callable[[Any], bool]) -> None:
    kept = [item for item in items if wanted(item)]
    del items[:]
    items.extend(kept)


def _axes(node: NodeProto, constants: dict[str, TensorProto]) -> list[int]:
    """Return what a reduction reduces over: an attribute, or from opset 18 on an input."""
    for attribute in node.attribute:
        if attribute.name == "axes":
            return [*attribute.ints]
    if node.op_type.startswith("Reduce") and len(node.input) > 1 and node.input[1] in constants:
        return [int(axis) for axis in numpy_helper.to_array(constants[node.input[1]]).ravel()]
    return []


def _free_shape(tensor: TensorProto, fixed: int) -> None:
    """Have a reshape keep the first axis as it is, where it names the batch that the file was made for."""
    shape = numpy_helper.to_array(tensor)
    if shape.ndim == 1 and len(shape) > 1 and shape[0] == fixed:
        kept = np.array([0, *shape[1:]], shape.dtype)
        tensor.CopyFrom(numpy_helper.from_array(kept, tensor.name))
