"""`python -m deploy.local demo`, which is what `make demo` runs."""

import subprocess
import sys
from pathlib import Path

from tests.e2e.conftest import write_photos


def demo(directory: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the demo with a temporary folder of its own, so that what it leaves can be seen."""
    temporary = directory / "tmp"
    temporary.mkdir()
    command = [sys.executable, "-m", "deploy.local", "demo", "--page", str(directory / "page.html"), *arguments]
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(directory), "TMPDIR": str(temporary), "COLUMNS": "160"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=300, check=False, stdin=subprocess.DEVNULL
    )
    assert list(temporary.iterdir()) == [], "the demo clears up behind itself"
    return done


def test_the_built_in_album_is_indexed_searched_and_compared(short_directory: Path, tmp_path: Path) -> None:
    directory = short_directory / "demo"
    directory.mkdir()
    done = demo(directory)
    assert done.returncode == 0, done.stderr
    page = directory / "page.html"
    assert str(page) in done.stdout.splitlines()[-1]
    text = page.read_text()
    assert text.count("data:image/") > 20
    for wanted in ("117", "chelsea/original.png", "colour", "shape", "rank-biased overlap"):
        assert wanted in done.stdout, wanted


def test_a_folder_of_ones_own_takes_the_place_of_the_album(short_directory: Path, tmp_path: Path) -> None:
    directory = short_directory / "own"
    directory.mkdir()
    write_photos(tmp_path, range(12))
    done = demo(directory, "--photos", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "photo" in done.stdout
    assert "chelsea" not in done.stdout


def test_a_file_that_is_no_picture_is_named_and_passed_over(short_directory: Path, tmp_path: Path) -> None:
    directory = short_directory / "mixed"
    directory.mkdir()
    write_photos(tmp_path, range(3))
    (tmp_path / "a broken one.jpg").write_bytes(b"text")
    done = demo(directory, "--photos", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "IMAGE_UNDECODABLE" in done.stdout + done.stderr


def test_a_folder_without_pictures_is_refused(short_directory: Path, tmp_path: Path) -> None:
    directory = short_directory / "none"
    directory.mkdir()
    done = demo(directory, "--photos", str(tmp_path))
    assert done.returncode == 1
    assert "there is no picture in" in done.stderr


def test_a_step_that_fails_is_named_and_everything_stopped(short_directory: Path, tmp_path: Path) -> None:
    directory = short_directory / "failing"
    (directory / "page.html").mkdir(parents=True)
    write_photos(tmp_path, range(3))
    done = demo(directory, "--photos", str(tmp_path))
    assert done.returncode == 1
    assert "`likeness search` failed with exit status" in done.stderr
