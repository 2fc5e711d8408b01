"""`make lint` compares the contract with the last release, and says so where there is none."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.architecture.source import ROOT

BUF = ROOT / ".tools" / "node_modules" / ".bin" / "buf"
PROTO = 'syntax = "proto3";\npackage a.v1;\nmessage M {\n  string kept = 1;\n  string other = 2;\n}\n'
Git = Callable[..., None]


@pytest.fixture
def git(tmp_path: Path) -> Git:
    """Git in a repository of its own, on main, with a contract that is committed."""

    def run(*arguments: str) -> None:
        names = ["-c", "user.name=n", "-c", "user.email=n@example.org"]
        subprocess.run(["git", *names, *arguments], cwd=tmp_path, check=True, capture_output=True)

    run("init", "--initial-branch=main")
    write(tmp_path, PROTO)
    run("add", ".")
    run("commit", "--message=first")
    return run


def write(repository: Path, proto: str) -> None:
    file = repository / "protos" / "a" / "v1" / "a.proto"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(proto)


def compared(repository: Path) -> tuple[int, str]:
    command = [str(ROOT / "tests" / "breaking.sh")]
    environment = {"PATH": "/usr/bin:/bin:/usr/local/bin", "BUF": str(BUF), "HOME": str(repository)}
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_a_field_that_a_release_has_may_not_go(git: Git, tmp_path: Path) -> None:
    git("tag", "v0.1.0")
    write(tmp_path, PROTO.replace("  string other = 2;\n", ""))
    git("commit", "--all", "--message=broken on main too")
    status, said = compared(tmp_path)
    assert status != 0
    assert "--against v0.1.0" in said
    assert 'Previously present field "2" with name "other"' in said


def test_before_a_release_main_is_what_counts(git: Git, tmp_path: Path) -> None:
    git("tag", "not-a-release")
    assert compared(tmp_path) == (0, "buf breaking protos --against main\n")
    write(tmp_path, PROTO.replace("string other", "int32 other"))
    assert compared(tmp_path)[0] != 0


def test_where_nothing_can_be_compared_it_says_so(git: Git, tmp_path: Path) -> None:
    git("branch", "--move", "elsewhere")
    status, said = compared(tmp_path)
    assert status == 0
    assert said.startswith("The contract is not compared")
