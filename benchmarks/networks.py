"""Networks for the embedder's measurements: ResNet50 with generated weights, in int8 too, and MobileNetV2."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from onnx import GraphProto, NodeProto, TensorProto, helper, numpy_helper

from tests import embedder_models

RESNET = "resnet50"
INT8 = "resnet50-int8"
MOBILENET = "mobilenetv2"
_RESNET_DIMENSION = 2048
# Width of the first convolutions of a stage, and its blocks (He et al. 2016, table 1).
_STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
_WIDER = 4
# Weights that are generated tell no neighbours apart: what the variant finds is not asked.
_QUANTISING = ["--most", "60", "--calibrate", "20", "--min-recall", "0"]


def write(repository: Path, shared_data: Path | None) -> list[str]:
    """Write the models' folders, and return their names."""
    content = resnet50()
    card = embedder_models.card(RESNET, content, _RESNET_DIMENSION, **embedder_models.IMAGENET)
    embedder_models.write(repository, card, content)
    if shared_data is None:
        return [RESNET]
    embedder_models.write_network(repository, shared_data, MOBILENET)
    return [RESNET, MOBILENET]


def write_int8(repository: Path, photographs: Path) -> None:
    """Write the int8 variant of ResNet50 beside it, as its users make one."""
    folders = ["--models", str(repository), "--photos", str(photographs)]
    tool = [sys.executable, "-m", "embedder_service.model_tools", "quantize", RESNET, *folders, *_QUANTISING]
    subprocess.run(tool, check=True, stdout=subprocess.DEVNULL)  # noqa: S603 ours


def resnet50() -> bytes:
    """Return ResNet-50 without its head, its normalisations folded into the convolutions."""
    graph = _Graph()
    at = graph.convolution("input", 3, 64, kernel=7, stride=2)
    at = graph.add("MaxPool", [at], kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    channels = 64
    for stage, (width, blocks) in enumerate(_STAGES):
        for block in range(blocks):
            at = graph.block(at, channels, width, stride=2 if stage and not block else 1, widen=not block)
            channels = width * _WIDER
    pooled = graph.add("GlobalAveragePool", [at])
    graph.nodes.append(helper.make_node("Flatten", [pooled], ["feature"]))
    model = helper.make_model(graph.made(), opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


class _Graph:
    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self._weights: list[TensorProto] = []
        self._random = np.random.default_rng(0)
        self._names = self._numbered()

    def add(self, operator: str, inputs: list[str], **attributes: Any) -> str:
        """Add a node and return the name of its output."""
        name = next(self._names)
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def convolution(self, at: str, channels: int, width: int, *, kernel: int, stride: int, relu: bool = True) -> str:
        """Add a convolution with its bias, of weights that keep the variance (He et al. 2015)."""
        scale = np.sqrt(2 / (channels * kernel * kernel))
        weights = self._constant(self._random.normal(0, scale, (width, channels, kernel, kernel)))
        sizes = {"kernel_shape": [kernel, kernel], "strides": [stride, stride], "pads": [kernel // 2] * 4}
        out = self.add("Conv", [at, weights, self._constant(np.zeros(width))], **sizes)
        return self.add("Relu", [out]) if relu else out

    def block(self, at: str, channels: int, width: int, *, stride: int, widen: bool) -> str:
        """Add three convolutions and the way around them."""
        out = self.convolution(at, channels, width, kernel=1, stride=stride)
        out = self.convolution(out, width, width, kernel=3, stride=1)
        out = self.convolution(out, width, width * _WIDER, kernel=1, stride=1, relu=False)
        if widen:
            at = self.convolution(at, channels, width * _WIDER, kernel=1, stride=stride, relu=False)
        return self.add("Relu", [self.add("Add", [out, at])])

    def made(self) -> GraphProto:
        """Return the graph."""
        float32 = TensorProto.FLOAT
        inputs = [helper.make_tensor_value_info("input", float32, ["n", 3, 224, 224])]
        outputs = [helper.make_tensor_value_info("feature", float32, ["n", _RESNET_DIMENSION])]
        return helper.make_graph(self.nodes, RESNET, inputs, outputs, self._weights)

    def _constant(self, values: object) -> str:
        name = next(self._names)
        self._weights.append(numpy_helper.from_array(np.asarray(values, np.float32), name))
        return name

    @staticmethod
    def _numbered() -> Iterator[str]:
        return (f"t{number}" for number in range(10_000))
