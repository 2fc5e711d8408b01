"""A process of its own to load a model in for the first time: what hangs, crashes or eats memory there ends with it."""

import json
import subprocess
import sys
from pathlib import Path

from embedder_service.ports import ModelUnusable

PROGRAM = "embedder_service.trial_process"
# What the program says of a folder that it could load and run; anything else is what is wrong.
PASSED = "passed"


class Trial:
    """Loads folders in processes of their own.

    Args:
        seconds: Time that loading one and running it may take.
        memory_bytes: Address space that it may take beyond what an idle process has.
        program: The module that does it.
    """

    def __init__(self, seconds: float, memory_bytes: int, program: str = PROGRAM) -> None:
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._program = program

    def __call__(self, folder: Path) -> None:
        """Load `folder` and run it once, and wait for that.

        Raises:
            ModelUnusable: it cannot be loaded or run, or not in that time and memory.
        """
        orders = {"folder": str(folder.absolute()), "seconds": self._seconds, "memory_bytes": self._memory_bytes}
        try:
            answer = self._answer(json.dumps(orders))
        except subprocess.TimeoutExpired:
            raise ModelUnusable(f"its trial run did not end within {self._seconds:g} seconds") from None
        if answer != PASSED:
            raise ModelUnusable(answer or "its trial run brought the process down")

    def _answer(self, orders: str) -> str:
        # A fresh interpreter: no fork of this process, and with none of its secrets. One line of text comes back, never
        # objects, for what a hostile network has taken over could send any.
        done = subprocess.run(  # noqa: S603 our own program
            [sys.executable, "-B", "-m", self._program, orders],
            env={"PYTHONPATH": str(Path(__file__).parents[1])},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=self._seconds,
            check=False,
        )
        return " ".join(done.stdout.decode(errors="replace").split())
