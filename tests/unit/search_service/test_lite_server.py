"""Milvus Lite's process: one at a time, restarted when it dies, gone with its owner."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from search_service.lite_server import LiteServer

OWNER = """
import sys
from pathlib import Path
from search_service.lite_server import LiteServer
with LiteServer.open(Path(sys.argv[1])):
    print("open", flush=True)
    sys.stdin.read()
"""


def children(file: Path) -> list[int]:
    """Return the ids of the processes that run on a file; one that has ended and waits to be reaped does not run."""
    found = []
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(file).encode() in command.read_bytes().split(b"\0")[1:2]:
                found.append(int(command.parent.name))
    return found


def test_the_process_ends_with_the_block(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    with LiteServer.open(file):
        assert len(children(file)) == 1
    assert children(file) == []


def test_a_dead_process_is_started_again(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    with LiteServer.open(file) as server:
        (before,) = children(file)
        os.kill(before, signal.SIGKILL)
        os.waitid(os.P_PID, before, os.WEXITED | os.WNOWAIT)
        server.ensure()
        (after,) = children(file)
        assert after != before


def test_a_killed_owner_leaves_nothing_that_the_next_one_does_not_remove(
    tmp_path: Path, short_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, temporary = tmp_path / "a.db", short_directory / "sockets"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(file)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"open\n"
        os.kill(owner.pid, signal.SIGKILL)
    assert len(list(temporary.iterdir())) == 1
    with LiteServer.open(file):
        assert len(list(temporary.iterdir())) == 1
    assert list(temporary.iterdir()) == []
    assert not file.with_name(".a.db.socket").is_symlink()


@pytest.mark.parametrize("round_", range(3))
def test_a_killed_owners_process_is_waited_for(tmp_path: Path, round_: int) -> None:
    """No second process may write the file while the first still runs."""
    file = tmp_path / f"{round_}.db"
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == b"open\n"
        (orphan,) = children(file)
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
        with LiteServer.open(file):
            (mine,) = children(file)
            assert mine != orphan
