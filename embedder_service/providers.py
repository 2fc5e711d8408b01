"""What networks run on: names that an operator gives, and what ONNX Runtime calls them.

The package `onnxruntime` has the CPU alone. `onnxruntime-gpu` adds CUDA and TensorRT, `onnxruntime-openvino` OpenVINO;
one of them is installed in its place.
"""

from collections.abc import Sequence

CPU = "cpu"
_NAMES = {
    CPU: ("CPUExecutionProvider",),
    "cuda": ("CUDAExecutionProvider", "CPUExecutionProvider"),
    # What TensorRT cannot run goes to CUDA.
    "tensorrt": ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"),
    "openvino": ("OpenVINOExecutionProvider", "CPUExecutionProvider"),
}
_PACKAGES = {"cuda": "onnxruntime-gpu", "tensorrt": "onnxruntime-gpu", "openvino": "onnxruntime-openvino"}


def names(provider: str) -> list[str]:
    """Return ONNX Runtime's names, in order of preference."""
    return list(_NAMES[provider])


def problem(provider: str, available: Sequence[str]) -> str | None:
    """Return why this build of ONNX Runtime cannot do what is asked of it, in one line; None where it can."""
    wanted = _NAMES[provider][0]
    if wanted in available:
        return None
    package = f"; install {_PACKAGES[provider]} in place of onnxruntime" if provider in _PACKAGES else ""
    return f"provider {provider}: this ONNX Runtime has no {wanted}, only {', '.join(available)}{package}"
