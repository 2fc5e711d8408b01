"""The wheel that a caller installs: its contents, and that it works on the oldest versions it claims, and on new."""

import asyncio
import base64
import json
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from likeness.release import RELEASE
from tests import embedder_images as images
from tests.architecture.source import PACKAGES
from tests.environments import locked, oldest
from tests.system import System

PICTURE = images.encode(images.noise(24, 32), "PNG")
LEFT_OUT = shutil.ignore_patterns("__pycache__")


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that pip makes of a checkout, with all of our packages in it."""
    source, made = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for package in PACKAGES:
        shutil.copytree(root / package, source / package, ignore=LEFT_OUT)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(root / file, source)
    pip = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--wheel-dir",
        str(made),
    ]
    subprocess.run([*pip, str(source)], check=True)
    (found,) = made.glob("*.whl")
    return found


def test_it_holds_the_client_and_nothing_of_the_services(wheel: Path, root: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = set(packed.namelist())
    info = f"likeness-{RELEASE}.dist-info"
    assert {name.partition("/")[0] for name in names} == {"likeness", info}
    ours = {path.relative_to(root).as_posix() for path in (root / "likeness").rglob("*") if path.is_file()}
    assert {name for name in ours if "__pycache__" not in name} == {name for name in names if not name.startswith(info)}


def test_it_asks_for_what_a_caller_needs_and_offers_nothing_of_the_services(wheel: Path, root: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        metadata = packed.read(f"likeness-{RELEASE}.dist-info/METADATA").decode()
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    offered = [line.partition(": ")[2] for line in metadata.splitlines() if line.startswith("Provides-Extra")]
    needed = [line for line in metadata.splitlines() if line.startswith("Requires-Dist") and "extra ==" not in line]
    assert offered == ["html", "plot"]
    assert len(needed) == len(project["dependencies"])


@pytest.mark.parametrize("likeness", ["lite"], indirect=True)
@pytest.mark.parametrize("environment", [oldest, partial(locked, "client")], ids=["oldest", "newest"])
async def test_it_works_on_the_versions_that_it_claims(
    environment: Callable[[], Path], likeness: System, wheel: Path, root: Path, tmp_path: Path
) -> None:
    python = await asyncio.to_thread(environment)
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-deps", "--no-index"]
    await _run([*pip, "--target", str(tmp_path / "installed"), str(wheel)])
    address = likeness.servers["gateway"].address
    installed = {"PYTHONPATH": str(tmp_path / "installed")}
    asked = json.dumps({"address": address, "picture": base64.b64encode(PICTURE).decode()})
    script = root / "tests" / "package_client.py"
    found = json.loads(await _run([str(python), "-W", "error", str(script)], asked, cwd=tmp_path, env=installed))
    assert found["sync"] == {
        "first": "CREATED",
        "streamed": ["UNCHANGED", "CREATED"],
        "hits": ["p/1"],
        "listed": [0, 1],
        "refusal": ["INVALID_ARGUMENT", "IMAGE_UNDECODABLE", "image.content"],
    }
    assert found["async"] == ["1", "p/1"]
    assert (found["release"], found["imported"]) == (RELEASE, [])
    assert Path(found["from"]).is_relative_to(tmp_path)
    if environment is oldest:
        assert found["versions"] == ["1.66.2", "5.27.2"]
    command = [str(python), "-m", "likeness", "--address", address, "models", "--json"]
    models = json.loads(await _run(command, cwd=tmp_path, env=installed))
    assert {model["name"] for model in models["models"]} >= {"colour", "shape"}


async def _run(command: list[str], asked: str = "", **options: Any) -> str:
    run = partial(subprocess.run, command, input=asked, capture_output=True, text=True, check=False, **options)
    done = await asyncio.to_thread(run)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)
