"""ONNX Runtime, for the tools alone: what shape an output has, and networks in 8 bits."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime as ort
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from embedder_service.faults import first_line
from embedder_service.model_tools.errors import ToolError

Tensor = npt.NDArray[np.generic]
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
        raise ToolError(f"ONNX Runtime cannot run the graph: {first_line(error)}") from None
    return [int(axis) for axis in output.shape]


def quantised(content: bytes, tensors: Sequence[Tensor], method: str) -> bytes:
    """Return a network with its weights and activations in 8 bits: QDQ, weights per channel, activations per tensor.

    Args:
        content: A network of one input.
        tensors: What is given to it, [1, ...] each: the ranges of its activations are taken from these.
        method: How, by a name of CalibrationMethod: MinMax, Percentile or Entropy.

    Raises:
        ToolError: ONNX Runtime cannot do that with this graph.
    """
    with tempfile.TemporaryDirectory(prefix="likeness-") as place:
        given, prepared, made = (Path(place) / name for name in ("given.onnx", "prepared.onnx", "made.onnx"))
        given.write_bytes(content)
        try:
            quant_pre_process(str(given), str(prepared), skip_symbolic_shape=True)
            quantize_static(
                str(prepared),
                str(made),
                _Given(prepared, tensors),
                quant_format=QuantFormat.QDQ,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                per_channel=True,
                calibrate_method=CalibrationMethod[method],
            )
        except Exception as error:  # noqa: BLE001 it raises whatever some graph makes it
            raise ToolError(f"ONNX Runtime cannot quantise the graph: {first_line(error)}") from None
        return made.read_bytes()


class _Given(CalibrationDataReader):  # type: ignore[misc]
    """Hands tensors to the calibration, one after the other."""

    def __init__(self, network: Path, tensors: Sequence[Tensor]) -> None:
        self._name = ort.InferenceSession(network, providers=["CPUExecutionProvider"]).get_inputs()[0].name
        self._tensors = iter(tensors)

    def get_next(self) -> dict[str, Tensor] | None:
        tensor = next(self._tensors, None)
        return None if tensor is None else {self._name: tensor}
