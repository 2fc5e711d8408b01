"""Nothing that a security linter finds in the overlays is left without a reason in writing."""

import subprocess
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.k8s import rendered

pytestmark = pytest.mark.cluster
CHECKOV = ROOT / ".tools" / "checkov" / "bin" / "checkov"


@pytest.mark.parametrize("overlay", rendered.OVERLAYS)
def test_checkov_finds_nothing_that_is_not_waived_in_writing(overlay: str, tmp_path: Path) -> None:
    manifest = tmp_path / f"{overlay}.yaml"
    manifest.write_text(rendered.text(overlay))
    command = [str(CHECKOV), "--skip-download", "--framework=kubernetes", "--quiet", "--compact"]
    command += [f"--config-file={rendered.DIRECTORY / 'checkov.yaml'}", f"--file={manifest}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout
