"""ONNX Runtime, for the tools alone: what shape an output has."""

from collections.abc import Sequence

import numpy as np
import onnxruntime as ort

from embedder_service.model_tools.errors import ToolError

_LOG_NOTHING = 4


def output_shape(content: bytes, size: Sequence[int], dtype: str) -> list[int]:
    """Run a network on one black picture, [1, *size], and return the shape of its first output.

    Raises:
        ToolError: it does not load, or does not run.
    """
    options = ort.SessionOptions()
    options.log_severity_level = _LOG_NOTHING
    try:
        session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        (output,) = session.run(None, {session.get_inputs()[0].name: np.zeros((1, *size), dtype)})
    except Exception as error:  # noqa: BLE001 it raises a class of its own for each of its codes, and others
        raise ToolError(f"ONNX Runtime cannot run the graph: {next(iter(str(error).splitlines()), '')}") from None
    return [int(axis) for axis in output.shape]
