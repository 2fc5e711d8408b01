"""Writes the ONNX files of the built-in models; both are formulas, and nothing in them was trained.

Run `python -m embedder_service.models.generate`; it prints the sha256 that each model.toml must name. The bytes are the
same every time. Only this file needs the `onnx` package, and only to be run.

Layout of the vectors, for whoever wants to compute them elsewhere:

* colour: 6 x 6 x 6 bins (red slowest) of a trilinear RGB histogram, square roots (so that their inner product is the
  Bhattacharyya coefficient); then 3 opponent channels x 8 x 8 cells, rows from the top, scaled to length <= 0.8.
* shape: a histogram of oriented gradients (Dalal and Triggs, CVPR 2005; signed directions), 4 cells of a block x 18
  directions x 3 x 3 blocks, each number added to its mirror image's, one of each such pair kept; then one constant.
"""

import hashlib
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

Array = npt.NDArray[np.float32]
_OPSET = 17
_IR_VERSION = 8

_COLOUR_SIDE_PX = 64
_COLOUR_LEVELS = 6
_LAYOUT_CELLS = 8
_LAYOUT_WEIGHT = 0.8

_SHAPE_SIDE_PX = 128
_CELLS = 4
_DIRECTIONS = 18
_BLOCKS = _CELLS - 1
# A block whose gradients are weaker than this (of full contrast) is noise and fades out.
_BLOCK_FLOOR = 0.01
# Dalal and Triggs's L2-Hys: no direction may rule its block.
_BLOCK_CLIP = 0.2
# A picture without edges has this alone; beside edges (length up to 3) it counts for nothing.
_FLAT = 0.1


class Graph:
    """An ONNX graph in the making: each call adds a node and names its output."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def constant(self, values: npt.ArrayLike, kind: type[np.generic] = np.float32) -> str:
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(values, kind), name))
        return name

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        names = [f"n{len(self._nodes)}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(operator, inputs, names, **attributes))
        return names

    def op(self, operator: str, *inputs: str, **attributes: Any) -> str:
        return self.add(operator, *inputs, **attributes)[0]

    def reshape(self, tensor: str, *shape: int) -> str:
        """Reshape; 0 keeps the axis, as the batch axis always is."""
        return self.op("Reshape", tensor, self.constant(shape, np.int64))

    def axes(self, operator: str, tensor: str, *axes: int) -> str:
        """Squeeze or Unsqueeze."""
        return self.op(operator, tensor, self.constant(axes, np.int64))

    def unit(self, tensor: str, axes: list[int], floor: float) -> str:
        """Divide by the length over `axes`, softly: what is shorter than `floor` stays short."""
        sum_axes = self.constant(axes, np.int64)
        squares = self.op("ReduceSum", self.op("Mul", tensor, tensor), sum_axes, keepdims=1)
        length = self.op("Sqrt", self.op("Add", squares, self.constant(floor**2)))
        return self.op("Div", tensor, length)

    def model(self, name: str, inputs: onnx.ValueInfoProto, feature: str, dimension: int) -> bytes:
        """Return the file: one input, and `feature` as its only output under that name."""
        self._nodes.append(helper.make_node("Identity", [feature], ["feature"]))
        output = helper.make_tensor_value_info("feature", TensorProto.FLOAT, ["n", dimension])
        graph = helper.make_graph(self._nodes, name, [inputs], [output], self._constants)
        opsets = [helper.make_opsetid("", _OPSET)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION, producer_name="likeness")
        onnx.checker.check_model(model, full_check=True)
        return model.SerializeToString(deterministic=True)


def colour() -> bytes:
    """Return the model `colour`: float32 [n, 3, 64, 64] in [0, 1], RGB, to [n, 408]."""
    g = Graph()
    feature = g.op("Concat", _histogram(g, "input"), _layout(g, "input"), axis=1)
    inputs = helper.make_tensor_value_info("input", TensorProto.FLOAT, ["n", 3, _COLOUR_SIDE_PX, _COLOUR_SIDE_PX])
    return g.model("colour", inputs, feature, _COLOUR_LEVELS**3 + 3 * _LAYOUT_CELLS**2)


def _histogram(g: Graph, pixels: str) -> str:
    """Share each pixel out among the 8 colours of the grid around it, trilinearly, and take the square root."""
    count, levels = _COLOUR_SIDE_PX**2, _COLOUR_LEVELS
    flat = g.reshape(pixels, 0, 3, count, 1)
    distance = g.op("Abs", g.op("Sub", flat, g.constant(np.linspace(0, 1, levels))))
    shares = g.op("Relu", g.op("Sub", g.constant(1), g.op("Mul", distance, g.constant(levels - 1))))
    red, green, blue = (g.axes("Squeeze", s, 1) for s in g.add("Split", shares, outputs=3, axis=1))
    pairs = g.op("Mul", g.axes("Unsqueeze", red, 3), g.axes("Unsqueeze", green, 2))
    pairs = g.op("Transpose", g.reshape(pairs, 0, count, levels**2), perm=[0, 2, 1])
    bins = g.op("Mul", g.op("MatMul", pairs, blue), g.constant(1 / count))
    return g.reshape(g.op("Sqrt", bins), 0, levels**3)


def _layout(g: Graph, pixels: str) -> str:
    """Return the mean intensity, red-green and yellow-blue of each cell, the two opponent colours counted double."""
    step = _COLOUR_SIDE_PX // _LAYOUT_CELLS
    cells = g.op("AveragePool", pixels, kernel_shape=[step, step], strides=[step, step])
    opponent = np.array([[1 / 3, 1 / 3, 1 / 3], [1, -1, 0], [0.5, 0.5, -1]])
    bias = np.array([-0.5, 0, 0])
    channels = g.op("Conv", cells, g.constant(opponent[:, :, None, None]), g.constant(bias))
    unit = g.unit(g.reshape(channels, 0, 3 * _LAYOUT_CELLS**2), axes=[1], floor=0.1)
    return g.op("Mul", unit, g.constant(_LAYOUT_WEIGHT))


def shape() -> bytes:
    """Return the model `shape`: uint8 [n, 128, 128, 3], RGB, to [n, 325]."""
    g = Graph()
    blocks = _blocks(g, _cells(g, *_gradient(g, "input")))
    paired = g.op("Add", *(g.op("Gather", blocks, g.constant(i, np.int64), axis=1) for i in _mirror_pairs()))
    halved = g.op("Mul", paired, g.constant(math.sqrt(0.5)))
    feature = g.op("Pad", halved, g.constant([0, 0, 0, 1], np.int64), g.constant(_FLAT))
    inputs = helper.make_tensor_value_info("input", TensorProto.UINT8, ["n", _SHAPE_SIDE_PX, _SHAPE_SIDE_PX, 3])
    return g.model("shape", inputs, feature, 2 * _DIRECTIONS * _BLOCKS**2 + 1)


def _gradient(g: Graph, pixels: str) -> tuple[str, str]:
    """Return the central differences of luminance (ITU-R BT.601, in [0, 1]) to the right and downwards."""
    weights = g.constant(np.array([[0.299], [0.587], [0.114]]) / 255)
    luma = g.op("MatMul", g.op("Cast", pixels, to=TensorProto.FLOAT), weights)
    luma = g.reshape(luma, 0, 1, _SHAPE_SIDE_PX, _SHAPE_SIDE_PX)
    padded = g.op("Pad", luma, g.constant([0, 0, 1, 1, 0, 0, 1, 1], np.int64), mode="edge")
    kernels = np.zeros((2, 1, 3, 3))
    kernels[0, 0, 1] = kernels[1, 0, :, 1] = -1, 0, 1
    right, down = g.add("Split", g.op("Conv", padded, g.constant(kernels)), outputs=2, axis=1)
    return right, down


def _cells(g: Graph, right: str, down: str) -> str:
    """Return [n, 18, 4, 4]: gradient magnitude, shared out linearly among directions and among cells."""
    magnitude = g.op("Sqrt", g.op("Add", g.op("Mul", right, right), g.op("Mul", down, down)))
    distance = g.op("Abs", g.op("Sub", _turn(g, right, down), _direction_centres(g)))
    around = g.op("Min", distance, g.op("Sub", g.constant(1), distance))
    shares = g.op("Relu", g.op("Sub", g.constant(1), g.op("Mul", around, g.constant(_DIRECTIONS))))
    weights = _cell_weights()
    rows = g.op("MatMul", g.constant(weights), g.op("Mul", shares, magnitude))
    return g.op("MatMul", rows, g.constant(weights.T))


def _direction_centres(g: Graph) -> str:
    """Return the directions in turns. Their order reversed is their mirror image: k/18 becomes 1/2 - k/18."""
    first = -(_DIRECTIONS // 4)
    return g.constant(np.arange(first, first + _DIRECTIONS).reshape(1, -1, 1, 1) / _DIRECTIONS)


def _turn(g: Graph, right: str, down: str) -> str:
    """Return the gradient's direction in turns, from -1/4 to 3/4: the arc tangent that ONNX has, and its other half."""
    tiny = g.constant(1e-6)
    divisor = g.op("Where", g.op("Less", g.op("Abs", right), tiny), tiny, right)
    turn = g.op("Mul", g.op("Atan", g.op("Div", down, divisor)), g.constant(0.5 / math.pi))
    behind = g.op("Less", divisor, g.constant(0))
    return g.op("Add", turn, g.op("Where", behind, g.constant(0.5), g.constant(0)))


def _cell_weights() -> Array:
    """Return [4, 128]: how much of each row (or column) of pixels goes to each row of cells; a row sums to about 1."""
    step = _SHAPE_SIDE_PX / _CELLS
    centres = (np.arange(_CELLS) + 0.5) * step - 0.5
    distance = np.abs(np.arange(_SHAPE_SIDE_PX)[None, :] - centres[:, None])
    return (np.maximum(0, 1 - distance / step) / step).astype(np.float32)


def _blocks(g: Graph, cells: str) -> str:
    """Return [n, 648]: overlapping blocks of 2 x 2 cells, each normalised as L2-Hys."""
    corners = [_corner(g, cells, y, x) for y in (0, 1) for x in (0, 1)]
    blocks = g.unit(g.op("Concat", *corners, axis=1), axes=[1, 2], floor=_BLOCK_FLOOR)
    clipped = g.op("Min", blocks, g.constant(_BLOCK_CLIP))
    return g.reshape(g.unit(clipped, axes=[1, 2], floor=_BLOCK_FLOOR), 0, 4 * _DIRECTIONS * _BLOCKS**2)


def _corner(g: Graph, cells: str, y: int, x: int) -> str:
    """Return [n, 1, 18, 3, 3]: of each block, the cell at row `y` and column `x`."""
    starts, ends = g.constant([y, x], np.int64), g.constant([y + _BLOCKS, x + _BLOCKS], np.int64)
    return g.axes("Unsqueeze", g.op("Slice", cells, starts, ends, g.constant([2, 3], np.int64)), 1)


def _mirror_pairs() -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the places in a picture's blocks, one of each pair, and where the mirrored picture has the same number."""
    places = np.arange(4 * _DIRECTIONS * _BLOCKS**2).reshape(2, 2, _DIRECTIONS, _BLOCKS, _BLOCKS)
    mirrored = places[:, ::-1, ::-1, :, ::-1].ravel()
    firsts = np.flatnonzero(places.ravel() < mirrored)
    return firsts, mirrored[firsts]


def main() -> None:
    """Write both files beside this one."""
    for name, make in (("colour", colour), ("shape", shape)):
        content = make()
        (Path(__file__).parent / name / "model.onnx").write_bytes(content)
        sys.stdout.write(f"{name}: onnx_sha256 = {hashlib.sha256(content).hexdigest()}, {len(content)} bytes\n")


if __name__ == "__main__":
    main()
