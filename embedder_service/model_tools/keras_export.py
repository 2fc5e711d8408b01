"""Keras Applications to ONNX: without their classifier, pooled by the maxima over the last map."""

from collections.abc import Sequence
from typing import Any

from embedder_service.faults import first_line
from embedder_service.model_tools.errors import ToolError

NETWORKS = ("ResNet50", "VGG16")
IMAGENET, RANDOM = "imagenet", "random"
_SIDE_PX = 224
_OPSET = 17


def network(name: str, weights: str, seed: int) -> Any:
    """Return a network of Keras Applications, without its classifier and pooled by maxima.

    Args:
        name: One of NETWORKS.
        weights: IMAGENET, which Keras downloads; RANDOM; or a file that Keras saved, without the classifier's weights.
        seed: For RANDOM.

    Raises:
        ToolError: Keras is not installed, or the weights cannot be had.
    """
    try:
        import keras  # noqa: PLC0415 it takes seconds to import, and other commands do without it
    except ImportError as error:
        raise _missing(error) from None
    keras.utils.set_random_seed(seed)
    made = _built(getattr(keras.applications, name), weights)
    if weights == RANDOM:
        _randomise([layer for layer in made.layers if isinstance(layer, keras.layers.BatchNormalization)])
    return made


def to_onnx(made: Any) -> bytes:
    """Return the ONNX file of a Keras network: [n, 224, 224, 3] in float32, to [n, numbers].

    Raises:
        ToolError: what it takes is not installed.
    """
    try:
        import tensorflow  # noqa: PLC0415
        import tf2onnx  # noqa: PLC0415
    except ImportError as error:
        raise _missing(error) from None
    taken = [tensorflow.TensorSpec((None, _SIDE_PX, _SIDE_PX, 3), tensorflow.float32, name="input")]
    function = tensorflow.function(lambda pictures: made(pictures, training=False), input_signature=taken)
    converted, _ = tf2onnx.convert.from_function(function, input_signature=taken, opset=_OPSET)
    content: bytes = converted.SerializeToString()
    return content


def _missing(error: ImportError) -> ToolError:
    problem = f"{error.name} is not installed; export needs TensorFlow and tf2onnx"
    return ToolError(f"{problem}: pip install tensorflow tf2onnx")


def _built(make: Any, weights: str) -> Any:
    given = None if weights == RANDOM else weights
    try:
        return make(include_top=False, pooling="max", weights=given, input_shape=(_SIDE_PX, _SIDE_PX, 3))
    except Exception as error:  # noqa: BLE001 Keras raises a bare Exception where it cannot download
        hint = "--weights takes a file that Keras saved, too, or `random` to try things out"
        raise ToolError(f"Keras cannot get the weights {weights}: {first_line(error)}; {hint}") from None


def _randomise(layers: Sequence[Any]) -> None:
    """Give normalisations something to do: as Keras makes them they change nothing."""
    import numpy as np  # noqa: PLC0415

    numbers = np.random.default_rng(len(layers))
    for layer in layers:
        size = layer.get_weights()[0].shape
        scale, variance = numbers.uniform(0.5, 1.5, size), numbers.uniform(0.5, 1.5, size)
        layer.set_weights([scale, numbers.normal(0, 0.1, size), numbers.normal(0, 0.1, size), variance])
