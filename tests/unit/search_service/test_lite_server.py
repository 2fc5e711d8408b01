"""Milvus Lite's process: one at a time, restarted when it dies, gone with its owner."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from search_service.lite_server import LiteServer
from tests.servers import lite_processes

OWNER = """
import sys
from pathlib import Path
from search_service.lite_server import LiteServer
with LiteServer.open(Path(sys.argv[1])):
    print("open", flush=True)
    sys.stdin.read()
"""


def test_the_process_ends_with_the_block(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    with LiteServer.open(file):
        assert len(lite_processes(file)) == 1
    assert lite_processes(file) == []


def test_a_dead_process_is_started_again(tmp_path: Path) -> None:
    file = tmp_path / "a.db"
    with LiteServer.open(file) as server:
        (before,) = lite_processes(file)
        os.kill(before, signal.SIGKILL)
        os.waitid(os.P_PID, before, os.WEXITED | os.WNOWAIT)
        server.ensure()
        (after,) = lite_processes(file)
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
        (orphan,) = lite_processes(file)
        os.kill(owner.pid, signal.SIGKILL)
        owner.wait()
        with LiteServer.open(file):
            (mine,) = lite_processes(file)
            assert mine != orphan
