"""Each service, and a caller, runs with its own dependencies and nothing else."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.environments import locked, oldest

STUBS = tuple(f"likeness.v1.{path.stem}" for path in sorted((ROOT / "likeness" / "v1").glob("*_pb2*.py")))
LIBRARIES = {
    "PIL",
    "matplotlib",
    "milvus_lite",
    "numpy",
    "onnx",
    "onnxruntime",
    "prometheus_client",
    "pymilvus",
    "redis",
    "skimage",
    "structlog",
}


@dataclass(frozen=True)
class Environment:
    """What is installed from `requirements/<name>.lock`, the folders beside it, and what is to be imported."""

    name: str
    folders: tuple[str, ...]
    modules: tuple[str, ...]
    libraries: frozenset[str]


def service(name: str, package: str, *libraries: str, beside: tuple[str, ...] = ()) -> Environment:
    """`beside` are the modules that its processes import later, or in processes of their own."""
    modules = (f"{package}.app", f"{package}.__main__", *(f"{package}.{module}" for module in beside))
    return Environment(
        name, ("likeness", "servicekit", package), modules, frozenset({"prometheus_client", "structlog", *libraries})
    )


ENVIRONMENTS = [
    service("gateway", "gateway"),
    service("embedder", "embedder_service", "numpy", "onnxruntime", "PIL", beside=("images",)),
    service("search", "search_service", "numpy", "pymilvus", "redis"),
    Environment("client", ("likeness",), (*STUBS, "likeness.message_client", "likeness.cli"), frozenset()),
]

# Imports the modules named, and says which packages that took in and which could be had.
IMPORT = """
import importlib, importlib.util, json, sys
modules, libraries = json.loads(sys.argv[1])
for name in modules:
    importlib.import_module(name)
taken = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps({"taken": taken, "to_be_had": [name for name in libraries if importlib.util.find_spec(name)]}))
"""


def imported(python: Path, where: Path, folders: tuple[str, ...], modules: tuple[str, ...]) -> dict[str, set[str]]:
    """Import `modules` where only `folders` of the checkout can be seen."""
    for folder in folders:
        (where / folder).symlink_to(ROOT / folder)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    question = json.dumps([modules, sorted(LIBRARIES)])
    command = [str(python), "-B", "-c", IMPORT, question]
    result = subprocess.run(command, cwd=where, env=clean, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return {key: set(value) for key, value in json.loads(result.stdout).items()}


@pytest.mark.parametrize("environment", ENVIRONMENTS, ids=lambda environment: environment.name)
def test_it_imports_with_its_own_dependencies_alone(environment: Environment, tmp_path: Path) -> None:
    seen = imported(locked(environment.name), tmp_path, environment.folders, environment.modules)
    assert seen["to_be_had"] == environment.libraries
    assert environment.libraries <= seen["taken"]
    assert seen["taken"] & {"gateway", "embedder_service", "search_service"} <= set(environment.folders)


def test_the_stubs_load_on_the_oldest_versions_that_we_claim(tmp_path: Path) -> None:
    """The generator's version is every caller's floor."""
    seen = imported(oldest(), tmp_path, ("likeness",), STUBS)
    assert {"grpc", "google"} <= seen["taken"]
