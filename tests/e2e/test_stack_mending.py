"""What `python -m deploy.local` says and does when something is not as it should be."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.local.process import Process

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Run]:
    """Runs a command on one state folder; what it started is stopped at the end."""

    def run(*arguments: str, state: Path = tmp_path / "state") -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "deploy.local", *arguments, "--state", str(state)]
        return subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, timeout=150, check=False)

    yield run
    run("down")


@pytest.fixture
def models(tmp_path: Path, root: Path) -> Path:
    """A folder with a model, one whose network is another than it says, one without any file, and one file."""
    folder = tmp_path / "models"
    for name in ("mine", "wrong"):
        shutil.copytree(root / "embedder_service" / "models" / "colour", folder / name)
        card = folder / name / "model.toml"
        card.write_text(card.read_text().replace('name = "colour"', f'name = "{name}"'))
    with (folder / "wrong" / "model.onnx").open("ab") as network:
        network.write(b"x")
    (folder / "void").mkdir()
    (folder / "flat.onnx").write_bytes(b"x")
    return folder


def test_models_are_told_and_remembered_and_a_dead_part_is_replaced(local: Run, models: Path, tmp_path: Path) -> None:
    first = local("up", "--free-ports", "--models", str(models))
    assert first.returncode == 0, first.stderr
    assert re.search(rf"not served: {models}/wrong: the sha256 of model.onnx is", first.stdout)
    assert f"not served: {models}/void: model.toml cannot be read" in first.stdout
    assert f"the whole log: {tmp_path}/state/logs/embedder.log" in first.stdout
    assert served(first.stdout) == ["colour", "mine", "shape"]

    Process("embedder", tmp_path / "state").kill()
    again = local("up", "--free-ports")
    assert again.returncode == 0, again.stderr
    assert "embedder had ended" in again.stdout
    assert f"The models of {models} are served as before" in again.stdout
    assert served(again.stdout) == ["colour", "mine", "shape"]

    (stop,) = re.findall(r"To stop it: (.*)$", again.stdout, re.MULTILINE)
    stopped = subprocess.run(shlex.split(stop), capture_output=True, text=True, timeout=60, check=True)
    assert "Stopped gateway, search, embedder, redis." in stopped.stdout

    without = local("up", "--free-ports", "--no-models")
    assert served(without.stdout) == ["colour", "shape"]
    assert f"The models of {models} are served no more" in without.stdout
    assert "Models:" not in without.stdout


def served(told: str) -> list[str]:
    (address,) = re.findall(r"answers at ([\d.:]+)\. ", told)
    command = [sys.executable, "-m", "likeness", "--address", address, "models"]
    shown = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, timeout=60, check=True)
    return [line.split()[1] for line in shown.stdout.splitlines() if line.startswith("│")]


@pytest.mark.parametrize(("option", "name"), [("--redis-url=redis://", "Redis"), ("--milvus-uri=http://", "Milvus")])
def test_what_is_elsewhere_and_does_not_answer_is_told_at_once(local: Run, option: str, name: str) -> None:
    done = local("up", "--free-ports", f"{option}127.0.0.1:1")
    assert (done.returncode, done.stderr) == (1, f"{name} does not answer at 127.0.0.1:1: Connection refused\n")


def test_a_state_folder_that_cannot_be_is_told_in_a_line(local: Run) -> None:
    done = local("up", "--free-ports", state=Path("/proc/x"))
    assert done.returncode == 1
    assert done.stderr.startswith("the state folder /proc/x cannot be written: ")
    assert done.stderr.count("\n") == 1


def test_down_makes_no_folder(local: Run, tmp_path: Path) -> None:
    done = local("down", state=tmp_path / "nowhere")
    assert (done.returncode, done.stdout) == (0, "Nothing is running.\n")
    assert not (tmp_path / "nowhere").exists()
