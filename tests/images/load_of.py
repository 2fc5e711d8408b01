"""Steady calls on a stack while something is done to it."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.images.containers import ROOT, Project, version

PACE = 20
_LOAD = ROOT / "tests" / "images" / "load.py"


@dataclass
class Report:
    """What became of the calls, once they have ended."""

    calls: int = 0
    errors: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)


@contextmanager
def calls(project: Project, *, pace: float = PACE) -> Iterator[Report]:
    """Make `pace` calls a second, from a container in the stack's network, while the block runs."""
    report = Report()
    options = ["--rm", "--interactive", "--network", f"{project.name}_services"]
    options += ["--volume", f"{_LOAD}:/load.py:ro", "--env", "PYTHONPATH=/app"]
    command = [f"likeness-gateway:{version()}", "python", "/load.py", "dns:///gateway:50050", str(pace)]
    with subprocess.Popen(
        ["docker", "run", *options, *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as load:
        assert load.stdin is not None
        assert load.stdout is not None
        try:
            assert load.stdout.readline() == "started\n"
            yield report
        finally:
            load.stdin.close()
            figures = json.loads(load.stdout.read() or "{}")
    report.calls, report.errors, report.figures = figures.pop("calls"), figures.pop("errors"), figures
    print(f"{report.calls} calls, {len(report.errors)} errors, {figures}", *report.errors[:20], sep="\n")
