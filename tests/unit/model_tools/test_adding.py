"""Graphs become models: cut at the feature, free in their batch, flat in their output."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime as ort
import pytest
from onnx import helper, numpy_helper

from embedder_service.model_card import ModelCard
from embedder_service.model_tools import adding, graph
from embedder_service.model_tools.adding import Wishes
from embedder_service.model_tools.errors import ToolError
from embedder_service.model_tools.graph import Network
from tests.embedder_models import FLOAT, Port, network, node

NOISE = np.random.default_rng(0).normal(size=(3, 3, 8, 8)).astype(np.float32)
WEIGHTS = np.random.default_rng(1).normal(size=(5, 3, 3, 3)).astype(np.float32)
CLASSES = np.random.default_rng(2).normal(size=(5, 4)).astype(np.float32)
CONV = node("Conv", ["input", "weights"], ["map"], pads=[1, 1, 1, 1], name="last_conv")
WISHES = Wishes("m", "pixels")


def classifier(pooling: str = "GlobalAveragePool", batch: int | str = 1) -> bytes:
    """A layer, a pooling, and classes: made for a batch of one, as the ONNX Model Zoo's files are."""
    nodes = [
        CONV,
        node(pooling, ["map"], ["pooled"], name="pool", **({"kernel_shape": [4, 4]} if pooling == "MaxPool" else {})),
        node("Reshape", ["pooled", "row"], ["flat"]),
        node("MatMul", ["flat", "classes"], ["scores"]),
    ]
    size = 5 * 25 if pooling == "MaxPool" else 5
    inputs: list[Port] = [("input", FLOAT, [batch, 3, 8, 8])]
    classes = np.ones((size, 4), np.float32)
    row = np.array([1, size])
    outputs: list[Port] = [("scores", FLOAT, [batch, 4])]
    return network(*nodes, inputs=inputs, outputs=outputs, weights=WEIGHTS, row=row, classes=classes)


def made(content: bytes, wishes: Wishes = WISHES) -> tuple[ModelCard, ort.InferenceSession, onnx.ModelProto]:
    card, file = adding.make(Network.parse(content), wishes)
    return card, ort.InferenceSession(file), onnx.ModelProto.FromString(file)


def maps(pictures: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """What CONV makes, one product at a time."""
    padded = np.pad(pictures.astype(np.float64), ((0, 0), (0, 0), (1, 1), (1, 1)))
    out = np.zeros((len(pictures), 5, 8, 8))
    for y, x in np.ndindex(8, 8):
        out[:, :, y, x] = np.einsum("ncij,kcij->nk", padded[:, :, y : y + 3, x : x + 3], WEIGHTS)
    return out


@pytest.mark.parametrize(("operator", "pool"), [("GlobalAveragePool", np.mean), ("GlobalMaxPool", np.max)])
def test_a_classifier_gives_its_last_pooling(operator: str, pool: Callable[..., Any]) -> None:
    card, session, model = made(classifier(operator))
    (feature,) = session.run(None, {"input": NOISE})
    np.testing.assert_allclose(feature, pool(maps(NOISE), axis=(2, 3)), rtol=1e-4, atol=1e-4)
    assert (card.dimension, card.preprocessing.output_tensor) == (5, session.get_outputs()[0].name)
    assert "scores" not in {name for each in model.graph.node for name in each.output}
    assert [each.name for each in model.graph.initializer] == ["weights"]


def test_a_pooling_that_leaves_a_map_is_pooled_to_its_end_in_the_same_way() -> None:
    """As VGG16's, whose last pooling leaves 7 x 7."""
    card, session, _ = made(classifier("MaxPool"))
    (feature,) = session.run(None, {"input": NOISE})
    np.testing.assert_allclose(feature, maps(NOISE)[:, :, :8, :8].max(axis=(2, 3)), rtol=1e-4, atol=1e-4)
    assert card.dimension == 5


def test_what_is_named_is_cut_at_and_pooled_as_told() -> None:
    for name in ("map", "last_conv"):
        _, session, _ = made(classifier(), Wishes("m", "pixels", output=name, pooling="max"))
        (feature,) = session.run(None, {"input": NOISE})
        np.testing.assert_allclose(feature, maps(NOISE).max(axis=(2, 3)), rtol=1e-4, atol=1e-4)


def test_a_batch_that_was_fixed_is_free_even_behind_a_reshape() -> None:
    _, session, _ = made(classifier(), Wishes("m", "pixels", output="flat"))
    assert session.run(None, {"input": NOISE})[0].shape == (3, 5)
    assert isinstance(session.get_inputs()[0].shape[0], str)


def test_channels_last_is_seen() -> None:
    inputs: list[Port] = [("input", FLOAT, ["n", 8, 8, 3])]
    turned = node("Transpose", ["input"], ["first"], perm=[0, 3, 1, 2])
    pool = node("GlobalAveragePool", ["first"], ["feature"])
    card, session, _ = made(network(turned, pool, inputs=inputs), Wishes("m", "pixels", output="feature"))
    assert card.preprocessing.layout == "NHWC"
    pictures = NOISE.transpose(0, 2, 3, 1)
    (feature,) = session.run(None, {"input": pictures})
    np.testing.assert_allclose(feature, pictures.mean(axis=(1, 2)), rtol=1e-4, atol=1e-5)


def test_a_map_with_channels_last_is_pooled_over_the_other_axes() -> None:
    inputs: list[Port] = [("input", FLOAT, ["n", 8, 8, 3])]
    content = network(node("Relu", ["input"], ["feature"]), inputs=inputs)
    card, session, _ = made(content, Wishes("m", "pixels", output="feature", pooling="max"))
    (feature,) = session.run(None, {"input": NOISE.transpose(0, 2, 3, 1)})
    np.testing.assert_allclose(feature, np.maximum(NOISE, 0).max(axis=(2, 3)), rtol=1e-6)
    assert card.dimension == 3


def test_bytes_that_a_quantised_pooling_makes_become_numbers() -> None:
    """As in the zoo's int8 files."""
    quantise = node("QuantizeLinear", ["input", "scale", "zero"], ["bytes"])
    pooling = node("MaxPool", ["bytes"], ["pooled"], kernel_shape=[8, 8])
    scale, zero = np.array(0.05, np.float32), np.array(128, np.uint8)
    outputs: list[Port] = [("pooled", onnx.TensorProto.UINT8, ["n", 3, 1, 1])]
    content = network(quantise, pooling, outputs=outputs, scale=scale, zero=zero)
    _, session, _ = made(content, Wishes("m", "pixels", output="pooled"))
    (feature,) = session.run(None, {"input": NOISE})
    np.testing.assert_allclose(feature, NOISE.max(axis=(2, 3)), atol=0.026)


def test_what_a_loop_takes_from_around_it_is_kept() -> None:
    body = helper.make_graph(
        [node("Identity", ["go"], ["go_on"]), node("Add", ["x", "around"], ["y"])],
        "step",
        [
            helper.make_tensor_value_info("i", onnx.TensorProto.INT64, []),
            helper.make_tensor_value_info("go", onnx.TensorProto.BOOL, []),
            helper.make_tensor_value_info("x", FLOAT, None),
        ],
        [
            helper.make_tensor_value_info("go_on", onnx.TensorProto.BOOL, []),
            helper.make_tensor_value_info("y", FLOAT, None),
        ],
    )
    nodes = [
        node("ReduceMean", ["input"], ["mean"], axes=[2, 3], keepdims=0),
        node("Neg", ["mean"], ["around"]),
        node("Loop", ["times", "", "mean"], ["feature"], body=body),
    ]
    _, session, _ = made(network(*nodes, times=np.array(3)), Wishes("m", "pixels", output="feature"))
    (feature,) = session.run(None, {"input": NOISE})
    np.testing.assert_allclose(feature, -2 * NOISE.mean(axis=(2, 3)), rtol=1e-4, atol=1e-5)


def test_weights_beside_the_file_are_taken_in(tmp_path: Path) -> None:
    model = onnx.ModelProto.FromString(classifier())
    big = numpy_helper.from_array(np.zeros((5, 3, 3, 3), np.float32), "weights")
    model.graph.initializer[0].CopyFrom(big)
    place = tmp_path / "m.onnx"
    onnx.save(model, place, save_as_external_data=True, location="m.data", size_threshold=0)
    _, content = adding.make(Network.read(place), WISHES)
    assert not any(each.external_data for each in onnx.ModelProto.FromString(content).graph.initializer)


@pytest.mark.parametrize(
    ("content", "wishes", "problem"),
    [
        (classifier(), Wishes("m", "pixels", output="nothing"), "no tensor and no node named 'nothing'"),
        (classifier(), Wishes("m", "pixels", size_px=9), "takes pictures of 8 x 8 pixels, not of 9"),
        (classifier(), Wishes("-", "pixels"), "no model can be made of that: name"),
        (
            network(node("Relu", ["input"], ["feature"])),
            WISHES,
            "name the feature with --output: no pooling leads to the graph's output, whose last tensors are feature",
        ),
        (
            network(CONV, node("GlobalAveragePool", ["map"], ["feature"]), weights=WEIGHTS),
            WISHES,
            "feature if the graph ends with features, input if it ends with scores of classes",
        ),
        (network(node("Relu", ["input"], ["feature"]), inputs=[("input", FLOAT, ["n", 7])]), WISHES, "pictures are"),
        (
            network(node("Relu", ["input"], ["feature"]), inputs=[("input", onnx.TensorProto.DOUBLE, ["n", 3, 8, 8])]),
            WISHES,
            "is DOUBLE; a model takes FLOAT or UINT8",
        ),
    ],
)
def test_what_cannot_be_done_is_said(content: bytes, wishes: Wishes, problem: str) -> None:
    with pytest.raises(ToolError, match=problem):
        adding.make(Network.parse(content), wishes)


@pytest.mark.parametrize("content", [b"<html>", classifier()[:100], b""])
def test_what_is_no_network_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ToolError, match=r"m\.onnx is no ONNX file that can be read"):
        Network.read(tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("name", "output", "dimension"),
    [("googlenet", "pool5/7x7_s1", 1024), ("mobilenetv2", "gap", 1280), ("squeezenet1.1", "fire9/concat", 512)],
)
def test_real_networks_give_the_feature_that_their_authors_pool(
    shared_data: Path, name: str, output: str, dimension: int
) -> None:
    """The files name it `feature` as well, next to the scores of classes."""
    path = shared_data / "models" / f"{name}.onnx"
    wishes = Wishes("m", "torchvision", output=output if name == "squeezenet1.1" else None)
    card, file = adding.make(graph.Network.read(path), wishes)
    pictures = np.random.default_rng(0).normal(size=(2, 3, 224, 224)).astype(np.float32)
    (expected,) = ort.InferenceSession(path).run(["feature"], {"input": pictures})
    (feature,) = ort.InferenceSession(file).run(None, {"input": pictures})
    np.testing.assert_allclose(feature, expected, rtol=1e-4, atol=1e-4)
    assert card.dimension == dimension
