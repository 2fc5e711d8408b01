"""Downloads from a server that cuts off, lies and changes its mind."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from embedder_service.model_tools.download import Wanted, fetch
from embedder_service.model_tools.errors import ToolError

FILE = np.random.default_rng(0).bytes(1_500_000)
Answer = Callable[["Handler"], None]


class Server(ThreadingHTTPServer):
    """Answers each request as the next of a list of answers says; the last one stands for all that follow."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: list[Answer] = [whole]
        self.ranges: list[str | None] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client that has had enough hangs up."""

    @property
    def wanted(self) -> Wanted:
        return Wanted(f"http://127.0.0.1:{self.server_port}/file", len(FILE), hashlib.sha256(FILE).hexdigest())


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Server)
        self.server.ranges.append(self.headers["Range"])
        answers = self.server.answers
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def send(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def whole(handler: Handler) -> None:
    handler.send(200, FILE)


def rest(handler: Handler) -> None:
    start = int((handler.headers["Range"] or "bytes=0-")[6:-1])
    handler.send(206, FILE[start:], Content_Range=f"bytes {start}-{len(FILE) - 1}/{len(FILE)}")


def half(handler: Handler) -> None:
    handler.send(200, FILE[: len(FILE) // 2], length=len(FILE))


def busy(handler: Handler) -> None:
    handler.send(503, b"")


@contextmanager
def running(*answers: Answer) -> Iterator[Server]:
    """A server that answers while the block runs."""
    with Server() as server:
        server.answers = list(answers)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with running(whole) as started:
        yield started


def nothing(_: int) -> None:
    """Hear of progress."""


def test_a_file_is_fetched_and_progress_told(server: Server, tmp_path: Path) -> None:
    told: list[int] = []
    assert fetch(server.wanted, tmp_path / "new", told.append).read_bytes() == FILE
    assert told == sorted(told)
    assert (told[0], told[-1]) == (0, len(FILE))


def test_what_was_cut_off_is_taken_up_where_it_ended(server: Server, tmp_path: Path) -> None:
    server.answers = [half, rest]
    assert fetch(server.wanted, tmp_path, nothing).read_bytes() == FILE
    assert server.ranges == [None, f"bytes={len(FILE) // 2}-"]


def test_the_next_call_goes_on_from_what_the_last_one_left(server: Server, tmp_path: Path) -> None:
    server.answers = [half, busy]
    with pytest.raises(ToolError, match=r"503 .*; 750,000 of 1,500,000 bytes are there"):
        fetch(server.wanted, tmp_path, nothing)
    server.answers = [rest]
    assert fetch(server.wanted, tmp_path, nothing).read_bytes() == FILE
    assert server.ranges[-1] == f"bytes={len(FILE) // 2}-"


def test_a_server_that_knows_no_ranges_is_asked_for_all_of_it_again(server: Server, tmp_path: Path) -> None:
    server.answers = [half, whole]
    assert fetch(server.wanted, tmp_path, nothing).read_bytes() == FILE


def test_what_is_complete_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    fetch(server.wanted, tmp_path, nothing)
    assert fetch(server.wanted, tmp_path, nothing).read_bytes() == FILE
    assert len(server.ranges) == 1


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (lambda handler: handler.send(200, bytes(len(FILE))), "is another file: its sha256 is"),
        (lambda handler: handler.send(200, b"version https://git-lfs"), "has 23 bytes, and must have 1,500,000"),
        (lambda handler: handler.send(200, FILE + b"more"), "has 1,500,004 bytes, and must have 1,500,000"),
        (lambda handler: handler.send(404, b""), "the server answers 404"),
    ],
)
def test_another_file_is_not_kept(server: Server, tmp_path: Path, answer: Answer, problem: str) -> None:
    server.answers = [answer]
    with pytest.raises(ToolError, match=problem):
        fetch(server.wanted, tmp_path, nothing)
    assert [path.stat().st_size for path in tmp_path.iterdir() if path.stat().st_size] == []
    assert len(server.ranges) == 1  # it would be no better the next time


def test_a_server_that_is_not_there_is_named(server: Server, tmp_path: Path) -> None:
    away = replace(server.wanted, url="http://127.0.0.1:1/file")
    with pytest.raises(ToolError, match=r"127\.0\.0\.1:1/file cannot be fetched: .*refused"):
        fetch(away, tmp_path, nothing)


def test_no_other_addresses_are_followed(server: Server, tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="no http or https address"):
        fetch(replace(server.wanted, url="file:///etc/passwd"), tmp_path, nothing)
