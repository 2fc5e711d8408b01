"""The command without a service: help, wrong use, and what is said when nobody answers."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from likeness.cli import app
from likeness.release import RELEASE

NOBODY = ("--address", "127.0.0.1:1")


@pytest.mark.parametrize("command", ["index", "search", "compare", "evaluate", "duplicates", "delete", "collections"])
def test_help_has_examples(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert "Examples" in done.stdout
    assert f"likeness {command}" in done.stdout


def test_it_says_which_release_it_is() -> None:
    done = CliRunner().invoke(app, ["--version"])
    assert (done.exit_code, done.stdout) == (0, f"likeness {RELEASE}\n")


def test_help_names_every_command() -> None:
    done = CliRunner().invoke(app, ["--help"])
    assert all(name in done.stdout for name in ("index", "search", "compare", "collections", "models", "status"))
    assert all(name in done.stdout for name in ("evaluate", "duplicates"))
    assert "LIKENESS_ADDRESS" in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("models",),
        ("collections",),
        ("search", "--id", "a"),
        ("compare", "--id", "a"),
        ("collections", "delete", "c"),
        ("collections", "add-model", "c", "m"),
        ("collections", "activate-model", "c", "m", "--replaces", "n"),
        ("collections", "feed-model", "c", "m", "--patience", "0"),
        ("collections", "remove-model", "c", "m"),
        ("evaluate",),
        ("duplicates", "-m", "shape", "--max-distance", "0"),
    ],
)
def test_nobody_answers(arguments: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, [*NOBODY, *arguments, "--json"])
    assert done.exit_code == 1
    assert json.loads(done.stdout)["error"]["code"] == "UNAVAILABLE"
    assert done.stderr.startswith("UNAVAILABLE: ")
    assert "LIKENESS_ADDRESS" in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_address_may_come_from_the_environment() -> None:
    done = CliRunner().invoke(app, ["status", "--json"], env={"LIKENESS_ADDRESS": "127.0.0.1:1"})
    document = json.loads(done.stdout)
    assert done.exit_code == 1
    assert document["address"] == "127.0.0.1:1"
    assert [(part["answers"], part["reason"]) for part in document["parts"]] == [(False, "UNAVAILABLE")] * 3


def test_indexing_gives_up_when_patience_ends(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    done = CliRunner().invoke(app, [*NOBODY, "index", str(tmp_path), "--patience", "0", "--json"])
    assert done.exit_code == 1
    assert done.stderr.startswith("UNAVAILABLE: ")


def test_a_query_is_a_file_or_an_id(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    for arguments in ([], [str(tmp_path / "a.png"), "--id", "a"]):
        done = CliRunner().invoke(app, [*NOBODY, "search", *arguments])
        assert done.exit_code == 2
        assert done.stderr.startswith("INVALID_FIELD: give a picture's file or --id")


def test_without_its_extra_html_says_what_to_install() -> None:
    script = "import sys; sys.modules['jinja2'] = None; from likeness.cli import app; app()"
    line = [sys.executable, "-c", script, *NOBODY, "search", "--id", "a", "--html", "page.html"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "pip install 'likeness[html]'" in done.stderr
    assert done.stderr.startswith("HTML_EXTRA_MISSING: ")


def test_without_its_extra_plot_says_what_to_install() -> None:
    script = "import sys; sys.modules['matplotlib'] = None; from likeness.cli import app; app()"
    line = [sys.executable, "-c", script, *NOBODY, "evaluate", "--plot", "chart.svg"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "pip install 'likeness[plot]'" in done.stderr
    assert done.stderr.startswith("PLOT_EXTRA_MISSING: ")


def test_a_plot_is_of_a_kind_that_can_be_drawn() -> None:
    done = CliRunner().invoke(app, [*NOBODY, "evaluate", "--plot", "chart.docx"])
    assert done.exit_code == 2
    assert done.stderr.startswith("INVALID_FIELD: --plot")


def test_the_module_runs_as_the_command() -> None:
    line = [sys.executable, "-m", "likeness", "--help"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "Usage: likeness" in done.stdout
