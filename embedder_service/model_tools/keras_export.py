"""Keras Applications to ONNX: without their classifier, pooled by maxima over the last map."""

import os
import tempfile
from pathlib import Path

from embedder_service.model_tools.errors import ToolError

SIDE_PX = 224
NETWORKS = ("ResNet50", "VGG16")
_OPSET = 17
_MISSING = "export needs TensorFlow and tf2onnx, in an environment of their own or in this one: pip install tensorflow tf2onnx"
# A random network of fifty layers dies out or blows up unless each keeps the variance of what it is given.
_SPREAD = "he_normal"


def export(name: str, weights: str | Path, seed: int = 0) -> bytes:
    """Return the ONNX file of a network of Keras Applications, in float32, with pictures in [n, 224, 224, 3].

    Args:
        name: One of NETWORKS.
        weights: `imagenet`, which Keras downloads; `random`; or a file of weights that Keras has saved.
        seed: For `random`.

    Raises:
        ToolError: what it takes is not installed, or the weights cannot be had.
    """
    try:
        import keras  # noqa: PLC0415 it takes seconds to import, and is not there for other commands
        import tensorflow as tf  # noqa: PLC0415
        import tf2onnx  # noqa: PLC0415
    except ImportError as error:
        raise ToolError(f"{error.name} is not installed; {_MISSING}") from None
    keras.utils.set_random_seed(seed)
    network = _built(getattr(keras.applications, name), weights)
    if weights == "random":
        _randomise(network, seed)
    signature = (tf.TensorSpec((None, SIDE_PX, SIDE_PX, 3), tf.float32, name="input"),)
    model, _ = tf2onnx.convert.from_keras(network, input_signature=signature, opset=_OPSET)
    return bytes(model.SerializeToString())
