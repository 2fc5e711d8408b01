"""What networks run on, and what is said where that is not there."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from embedder_service import providers
from embedder_service.app import build
from embedder_service.model_card import ModelCard
from embedder_service.onnx_model import Engine, OnnxModel, available_providers
from embedder_service.ports import ModelUnusable
from embedder_service.settings import EmbedderSettings
from tests import embedder_models


def test_the_cpu_is_always_there() -> None:
    assert providers.problem("cpu", available_providers()) is None


@pytest.mark.parametrize(
    ("provider", "problem"),
    [
        (
            "cuda",
            "no CUDAExecutionProvider, only CPUExecutionProvider; install onnxruntime-gpu in place of onnxruntime",
        ),
        ("tensorrt", "no TensorrtExecutionProvider, only CPUExecutionProvider; install onnxruntime-gpu"),
        ("openvino", "no OpenVINOExecutionProvider, only CPUExecutionProvider; install onnxruntime-openvino"),
    ],
)
def test_what_is_missing_is_named(provider: str, problem: str) -> None:
    assert problem in str(providers.problem(provider, ["CPUExecutionProvider"]))


def test_tensorrt_falls_back_to_cuda_and_that_to_the_cpu() -> None:
    names = providers.names("tensorrt")
    assert names == ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"]
    assert providers.problem("tensorrt", names) is None


def without_openvino() -> None:
    if "OpenVINOExecutionProvider" in available_providers():
        pytest.skip("this ONNX Runtime has OpenVINO")


async def test_a_server_does_not_start_on_what_is_not_there() -> None:
    without_openvino()
    with pytest.raises(SystemExit, match="provider openvino: this ONNX Runtime has no OpenVINOExecutionProvider"):
        async with build(EmbedderSettings(port=0, health_port=0, provider="openvino")):
            pytest.fail("it started")


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_network_never_runs_on_something_else_in_silence(thread: ThreadPoolExecutor) -> None:
    without_openvino()
    content = embedder_models.average_colour()
    card = ModelCard.model_validate(embedder_models.card("m", content, 3))
    with pytest.raises(ModelUnusable, match="does not run it on openvino"):
        OnnxModel(card, content, Engine(thread, threads=1, trial_seconds=10, provider="openvino"))
