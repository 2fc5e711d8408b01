"""Tests the tests: plants each bug of this folder into a copy of the tree and demands that the suite notices.

`python -m tests.plants [number ...]` takes each patch named, or every one. Each names the tests that must fail with it,
on lines `test: path::name`; without it, all of them must pass.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
PATCHES = Path(__file__).parent


@dataclass(frozen=True)
class Plant:
    """One bug, as a patch with words and names of tests above it."""

    file: Path

    @property
    def title(self) -> str:
        """What the bug is."""
        return self.file.read_text().splitlines()[0]

    @property
    def tests(self) -> list[str]:
        """The tests that must fail."""
        lines = self.file.read_text().splitlines()
        return [line.removeprefix("test: ") for line in lines if line.startswith("test: ")]

    def apply(self, tree: Path, *options: str) -> None:
        """Plant it; `--reverse` takes it out, `--check` only looks whether it fits."""
        done = subprocess.run(
            ["git", "apply", *options, str(self.file)], cwd=tree, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(f"{self.file.name} does not fit the tree any more:\n{done.stderr}")


def plants(numbers: Sequence[str] = ()) -> list[Plant]:
    """Return the plants of these numbers, or all."""
    found = [Plant(file) for file in sorted(PATCHES.glob("*.patch"))]
    return [plant for plant in found if not numbers or plant.file.name.split("-")[0].lstrip("0") in numbers]


def copy_tree(to: Path) -> None:
    """Copy what is, or could be, committed; the environment is shared."""
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        if (ROOT / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, to / name)


def verdicts(tree: Path, tests: Sequence[str]) -> dict[str, bool]:
    """Run tests; return for each of them, with all its parameters, whether it passed."""
    report = tree / "report.xml"
    report.unlink(missing_ok=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *tests]
    environment = os.environ | {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
    if not report.exists():
        raise SystemExit(f"pytest did not run:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    cases = ElementTree.parse(report).getroot().iter("testcase")
    passed = {f"{case.get('classname')}::{case.get('name')}": len(case) == 0 for case in cases}
    return {test: all(ok for name, ok in passed.items() if _is(name, test)) for test in tests}


def _is(case: str, test: str) -> bool:
    path, _, name = test.partition("::")
    wanted = f"{path.removesuffix('.py').replace('/', '.')}::{name}"
    return case == wanted or case.startswith(f"{wanted}[")


def main(numbers: Sequence[str]) -> None:
    """Plant the bugs one after the other."""
    chosen = plants(numbers)
    unnoticed = 0
    with tempfile.TemporaryDirectory(prefix="likeness-plants-") as directory:
        tree = Path(directory)
        copy_tree(tree)
        sound = verdicts(tree, sorted({test for plant in chosen for test in plant.tests}))
        if failing := [test for test, passed in sound.items() if not passed]:
            raise SystemExit("\n".join(["these fail without any bug:", *failing]))
        for plant in chosen:
            plant.apply(tree)
            green = [test for test, passed in verdicts(tree, plant.tests).items() if passed]
            plant.apply(tree, "--reverse")
            unnoticed += bool(green)
            print(f"{'NOT NOTICED' if green else 'noticed'}: {plant.title}", *green, sep="\n    ", flush=True)
    print(f"{len(chosen) - unnoticed} of {len(chosen)} planted bugs noticed")
    raise SystemExit(bool(unnoticed))


if __name__ == "__main__":
    main(sys.argv[1:])
