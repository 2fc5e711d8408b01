"""The release is said twice, and must be the same."""

import tomllib
from pathlib import Path

from likeness.release import RELEASE


def test_the_code_knows_the_release_that_is_packaged(root: Path) -> None:
    assert tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"] == RELEASE
