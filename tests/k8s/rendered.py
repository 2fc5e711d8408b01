"""What an overlay of deploy/k8s comes to."""

import functools
import shutil
import subprocess
from typing import Any

import yaml

from tests.architecture.source import ROOT

DIRECTORY = ROOT / "deploy" / "k8s"
OVERLAYS = tuple(sorted(path.name for path in (DIRECTORY / "overlays").iterdir()))


def renderer() -> list[str]:
    """Return the command that renders a folder, empty where there is none."""
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    return ["kubectl", "kustomize"] if shutil.which("kubectl") else []


@functools.cache
def text(overlay: str) -> str:
    """Return the manifests of an overlay as YAML."""
    command = [*renderer(), str(DIRECTORY / "overlays" / overlay)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def manifests(overlay: str, kind: str = "") -> list[Any]:
    """Return an overlay's manifests, of one kind or all."""
    return [each for each in _parsed(overlay) if not kind or each["kind"] == kind]


@functools.cache
def _parsed(overlay: str) -> list[Any]:
    return list(yaml.safe_load_all(text(overlay)))


def named(found: list[Any], name: str) -> Any:
    """Return the one of this name."""
    (match,) = [each for each in found if each["metadata"]["name"] == name]
    return match
