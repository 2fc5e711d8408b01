"""`python -m deploy.local up`, `status` and `down`, as a user runs them."""

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from deploy.local import observers
from deploy.local.errors import StackError
from deploy.local.parts import StackSettings
from deploy.local.ports import Ports
from deploy.local.process import wait_until
from deploy.local.record import Record
from deploy.local.stack import START_ORDER, Stack

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Deep enough that a unix socket in it would be impossible."""
    return tmp_path_factory.mktemp("lifecycle") / ("deep" * 40) / "state"


@pytest.fixture(scope="module")
def local(state: Path) -> Iterator[Run]:
    """Runs a command on the state folder; what it started is stopped at the end."""

    def run(*arguments: str, state: Path = state) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "deploy.local", *arguments, "--state", str(state)]
        # Its own copy of the environment: pytest's readline sets COLUMNS in the one that is inherited otherwise.
        return subprocess.run(command, env=dict(os.environ), capture_output=True, text=True, timeout=150, check=False)

    yield run
    run("down")


@pytest.fixture(scope="module")
def started(local: Run) -> str:
    """What `up` printed."""
    done = local("up", "--free-ports")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_up_returns_once_everything_answers(started: str, local: Run) -> None:
    done = local("status")
    assert done.returncode == 0, done.stdout
    rows = [line.split("│")[1:3] for line in done.stdout.splitlines() if "│" in line]
    assert [(name.strip(), ready.strip()) for name, ready in rows] == [
        (name, "yes") for name in START_ORDER if name not in observers.NAMES
    ]


def test_the_python_that_up_prints_runs_as_printed_and_again(started: str, tmp_path: Path) -> None:
    (printed,) = re.findall(r"^PYTHONPATH=.*^END$", started, re.MULTILINE | re.DOTALL)
    assert len(printed.splitlines()) == 12, "ten lines between the first and the last"
    for _ in range(2):
        done = subprocess.run(
            ["/bin/bash", "-c", printed],
            cwd=tmp_path,
            env={"PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        rank, image_id, distance = done.stdout.split()
        assert (rank, image_id) == ("1", "cat")
        assert float(distance) < 1e-3


def test_the_calls_that_up_prints_for_grpcurl_work_through_reflection(started: str, root: Path) -> None:
    """With buf, which speaks reflection as grpcurl does and is there for the contract's sake."""
    listing, call = re.findall(r"^grpcurl -plaintext (.*)$", started, re.MULTILINE)
    buf = [
        str(root / ".tools" / "node_modules" / ".bin" / "buf"),
        "curl",
        "--http2-prior-knowledge",
        "--protocol",
        "grpc",
    ]
    address = listing.removesuffix(" list")
    listed = subprocess.run([*buf, "--list-methods", f"http://{address}"], capture_output=True, text=True, check=True)
    assert call.removeprefix(f"{address} ") in listed.stdout.split()
    called = subprocess.run([*buf, f"http://{call.replace(' ', '/')}"], capture_output=True, text=True, check=True)
    assert '"name": "colour"' in called.stdout.replace('":"', '": "')


def test_a_second_up_is_refused_and_harms_nothing(started: str, local: Run) -> None:
    done = local("up", "--free-ports")
    assert done.returncode == 1
    assert "already running" in done.stderr
    assert "deploy.local down --state" in done.stderr
    assert local("status").returncode == 0


def test_the_socket_of_redis_lies_where_its_path_is_short(started: str, state: Path) -> None:
    record = Record.read(state)
    assert record is not None
    path = record.run_directory / "redis.sock"
    assert path.is_socket()
    assert len(str(path)) < 100


def test_down_leaves_no_process_and_what_was_stored(started: str, local: Run, state: Path, root: Path) -> None:
    record = Record.read(state)
    assert record is not None
    assert processes_of(state)
    done = local("down")
    assert done.returncode == 0, done.stdout
    assert "Stopped gateway, search, embedder, redis." in done.stdout
    assert processes_of(state) == []
    assert not record.run_directory.exists()
    assert local("status").returncode == 1
    assert "Nothing is running." in local("down").stdout
    assert local("up", "--free-ports").returncode == 0
    record = Record.read(state)
    assert record is not None
    command = [sys.executable, "-m", "likeness", "--address", record.ports.address("gateway"), "collections"]
    assert "hello" in subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout
    assert local("down").returncode == 0


def test_the_embedder_is_let_read_what_up_says_and_again_on_the_next_start(tmp_path: Path, local: Run) -> None:
    state = tmp_path / "state"
    for option in (["--uri-prefix", "file:///a/", "--uri-prefix", "file:///b/"], []):
        try:
            done = local("up", "--free-ports", *option, state=state)
            assert "read from file:///a/, file:///b/" in done.stdout, done.stderr
            (embedder,) = [part for part in Stack.found(state).status() if part.name == "embedder"]
            assert (
                b"LIKENESS_EMBEDDER_URI_PREFIXES=file:///a/ file:///b/\0"
                in Path(f"/proc/{embedder.pid}/environ").read_bytes()
            )
        finally:
            local("down", state=state)


def processes_of(state: Path) -> list[str]:
    """Return the command lines of all processes that work in a folder or name it, Milvus among them."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            line = (process / "cmdline").read_bytes().decode(errors="replace")
            place = str((process / "cwd").readlink())
        except OSError:
            continue
        if line and "deploy.local" not in line and (place.startswith(str(state)) or str(state) in line):
            found.append(line)
    return found


def test_a_port_that_is_taken_is_named(tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        ports = Ports(*(port if name == "search" else number for name, number in asdict(Ports.free()).items()))
        stack = Stack(StackSettings(tmp_path, ports))
        with pytest.raises(StackError, match=f"port {port}\\."):
            stack.start()
    assert stack.running == []


def test_a_part_that_does_not_start_shows_its_log_and_stops_the_others(tmp_path: Path) -> None:
    wrong = {"LIKENESS_SEARCH_NONSENSE": "1"}
    stack = Stack(StackSettings(tmp_path, Ports.free(), environment=wrong))
    with pytest.raises(StackError, match=r"search ended.*\n.*LIKENESS_SEARCH_NONSENSE: no such setting"):
        stack.start()
    assert stack.running == []
    assert processes_of(tmp_path) == []
    assert Record.read(tmp_path) is None


def test_an_up_that_is_interrupted_stops_what_it_started(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "deploy.local", "up", "--free-ports", "--state", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        assert wait_until(lambda: "redis" in Stack.found(tmp_path).running, 60)
        # Twice: an impatient second one must not leave what the first one was about to stop.
        running.send_signal(signal.SIGTERM)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 1
    assert processes_of(tmp_path) == []
