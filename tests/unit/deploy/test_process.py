import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.process import Process, wait_until

WAITS = [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"]
# Says that it is up only once it ignores SIGTERM.
STUBBORN = [
    sys.executable,
    "-c",
    "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True)\nwhile True: signal.pause()",
]


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    started = Process("one", tmp_path)
    yield started
    started.stop(0.0)


@pytest.fixture
def foreign() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that is none of ours."""
    with subprocess.Popen(WAITS, stdout=subprocess.DEVNULL) as running:
        yield running
        running.kill()


def started(process: Process, arguments: list[str] = WAITS) -> Process:
    process.start(arguments, {"PATH": "/usr/bin"})
    assert wait_until(lambda: process.last_lines(1) == ["up"], 30)
    return process


def test_a_process_is_found_again_by_its_folder(process: Process, tmp_path: Path) -> None:
    started(process)
    assert process.pid is not None
    assert Process("one", tmp_path).pid == process.pid
    assert Process("other", tmp_path).pid is None


def test_a_process_found_again_is_stopped(process: Process, tmp_path: Path) -> None:
    started(process)
    assert Process("one", tmp_path).stop(30)
    assert process.pid is None
    assert Process("one", tmp_path).pid is None


def test_one_that_does_not_end_when_asked_is_killed(process: Process) -> None:
    started(process, STUBBORN)
    assert not process.stop(0.1)
    assert process.pid is None


def test_the_children_of_one_that_is_killed_go_too(process: Process, tmp_path: Path) -> None:
    parent = f"import subprocess, sys; subprocess.run({STUBBORN!r}, check=True)"
    started(process, [sys.executable, "-c", f"import signal; signal.signal(15, signal.SIG_IGN)\n{parent}"])
    group = process.pid
    assert not process.stop(0.1)
    assert wait_until(lambda: not members(group), 10)


def members(group: int | None) -> list[Path]:
    """Return the processes of a group that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == group and fields[0] not in "ZX":
            found.append(stat)
    return found


def test_a_kill_gives_no_warning(process: Process) -> None:
    started(process, STUBBORN)
    process.kill()
    assert process.pid is None


def test_a_pid_that_belongs_to_another_program_by_now_is_left_alone(
    tmp_path: Path, foreign: "subprocess.Popen[bytes]"
) -> None:
    pids = tmp_path / "pids"
    pids.mkdir()
    # Started one tick after the machine, it is said: the process that has the pid now was not.
    (pids / "one.pid").write_text(f"{foreign.pid} 1\n")
    stale = Process("one", tmp_path)
    assert stale.pid is None
    stale.kill()
    assert stale.stop(0.1)
    with pytest.raises(subprocess.TimeoutExpired):
        foreign.wait(0.2)
    assert not (pids / "one.pid").exists()


@pytest.mark.parametrize("content", ["", "12", "1 2 3"])
def test_a_damaged_pid_file_names_no_process(tmp_path: Path, content: str) -> None:
    (tmp_path / "pids").mkdir()
    (tmp_path / "pids" / "one.pid").write_text(content)
    assert Process("one", tmp_path).pid is None


def test_it_gets_the_environment_given_and_no_other(process: Process) -> None:
    process.start([sys.executable, "-c", "import os; print(sorted(os.environ))"], {"ONE": "1"})
    assert wait_until(lambda: process.pid is None, 30)
    names = process.last_lines(1)[0]
    assert "'ONE'" in names
    assert "'HOME'" not in names


def test_the_log_before_is_kept(process: Process) -> None:
    started(process).kill()
    process.start([sys.executable, "-c", "print('second')"], {})
    assert wait_until(lambda: process.pid is None, 30)
    assert process.log.read_text() == "second\n"
    assert process.log.with_suffix(".log.1").read_text() == "up\n"


def test_it_has_a_session_of_its_own(process: Process) -> None:
    """Ctrl-C in the terminal where it was started does not reach it."""
    started(process)
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    assert int(fields[3]) == process.pid
