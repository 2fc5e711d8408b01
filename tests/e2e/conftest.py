"""The whole stack as processes, on the embedded default, and the `likeness` command as a user runs it."""

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from deploy.local.parts import StackSettings
from deploy.local.ports import Ports
from deploy.local.stack import Stack

_COMMAND_SECONDS = 120


@dataclass(frozen=True)
class Command:
    """Runs `likeness` against one stack."""

    address: str

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start a command and leave it running."""
        line = [sys.executable, "-m", "likeness", "--address", self.address, *arguments]
        return subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run a command to its end."""
        with self.start(*arguments) as running:
            output, messages = running.communicate(timeout=_COMMAND_SECONDS)
        return subprocess.CompletedProcess(running.args, running.returncode, output, messages)

    def json(self, *arguments: str, status: int = 0) -> Any:
        """Run a command with `--json` and return its document."""
        done = self.run(*arguments, "--json")
        assert done.returncode == status, done.stderr
        return json.loads(done.stdout)


@dataclass(frozen=True)
class Running:
    """A stack that runs."""

    stack: Stack
    command: Command = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "command", Command(self.stack.settings.ports.address("gateway")))


@contextmanager
def running_stack(state: Path, **environment: str) -> Iterator[Running]:
    """Run a stack of its own on free ports."""
    stack = Stack(StackSettings(state, Ports.free(), environment=environment))
    stack.start()
    try:
        yield Running(stack)
    finally:
        stack.stop()


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One stack for all tests that harm nothing."""
    with running_stack(tmp_path_factory.mktemp("stack")) as started:
        yield started


def write_photos(directory: Path, numbers: Sequence[int]) -> list[Path]:
    """Write generated pictures, each unlike any other, into folders of ten."""
    paths = []
    for number in numbers:
        path = directory / f"album {number // 10}" / f"photo {number:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        small = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(small).resize((320, 240), Image.Resampling.BICUBIC).save(path)
        paths.append(path)
    return paths
