"""Faults happen where they are armed, once, and nowhere else."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from search_service import ports, steps
from search_service.settings import FAILPOINTS, SearchSettings
from servicekit.errors import BackendUnavailable
from servicekit.failpoints import Failpoints, guarded, names
from servicekit.settings import load

KNOWN = names("part", ["work"])
# Calls of the stores that change nothing.
READS = {
    *("check", "collection", "collections", "confirm", "count", "coverage", "dropped", "fetch", "garbage", "holders"),
    *("page", "read", "recall", "resolved", "retired", "search", "select"),
}


class Part:
    def __init__(self) -> None:
        self.worked: list[int] = []

    async def work(self, number: int) -> int:
        self.worked.append(number)
        return number

    async def rest(self) -> str:
        return "rested"


async def results(part: Part, failpoints: Failpoints, passes: int) -> list[int | None]:
    found: list[int | None] = []
    for number in range(passes):
        try:
            found.append(await guarded(part, "part", ["work"], failpoints).work(number))
        except BackendUnavailable:
            found.append(None)
    return found


async def test_an_error_happens_before_or_after_the_step_and_once() -> None:
    before, after = Part(), Part()
    assert await results(before, Failpoints("part.work.before=error", KNOWN), 3) == [None, 1, 2]
    assert before.worked == [1, 2]
    assert await results(after, Failpoints("part.work.after=error:2", KNOWN), 3) == [0, None, 2]
    assert after.worked == [0, 1, 2]


async def test_what_is_no_step_is_left_alone() -> None:
    assert await guarded(Part(), "part", ["work"], Failpoints("part.work.before=kill", KNOWN)).rest() == "rested"


@pytest.mark.parametrize(
    "text",
    ["part.rest.before=kill", "part.work=kill", "part.work.before", "part.work.before=burn", "part.work.after=kill:0"],
)
def test_what_is_not_known_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"no failpoint|is not kill, stop or error"):
        Failpoints(text, KNOWN)


@pytest.mark.parametrize(("action", "number"), [("kill", signal.SIGKILL), ("stop", signal.SIGSTOP)])
def test_a_process_kills_or_stops_itself(root: Path, action: str, number: signal.Signals) -> None:
    code = f"from servicekit.failpoints import Failpoints; Failpoints('a=' + '{action}', ['a']).reach('a')"
    with subprocess.Popen([sys.executable, "-c", code], cwd=root) as process:
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        if action == "stop":
            assert os.WSTOPSIG(status) == number
            process.kill()
        else:
            assert os.WTERMSIG(status) == number


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({"FAILPOINTS": "records.commit.before=kill"}, "refused unless fault_injection is true"),
        ({"FAILPOINTS": "nowhere=kill", "FAULT_INJECTION": "true"}, "there is no failpoint 'nowhere'"),
    ],
)
def test_a_server_refuses_at_start(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], problem: str) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"LIKENESS_SEARCH_{name}", value)
    with pytest.raises(SystemExit, match=problem):
        load(SearchSettings)


def test_every_call_that_changes_a_store_is_a_step() -> None:
    def methods(port: type) -> set[str]:
        return {name for name in vars(port) if not name.startswith("_")} - READS

    assert set(steps.RECORD_STEPS) == methods(ports.RecordStore)
    assert set(steps.VECTOR_STEPS) == methods(ports.VectorStore)
    assert len(FAILPOINTS) == 2 * (len(steps.RECORD_STEPS) + len(steps.VECTOR_STEPS))
