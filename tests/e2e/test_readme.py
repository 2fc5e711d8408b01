"""The README's Python runs as it stands."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.e2e.conftest import Running, write_photos


def test_the_python_of_the_readme_finds_its_picture(running: Running, root: Path, tmp_path: Path) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), flags=re.DOTALL)
    assert "127.0.0.1:50050" in code
    (photo,) = write_photos(tmp_path, [1])
    shutil.copy(photo, tmp_path / "photo.jpg")
    script = tmp_path / "call.py"
    script.write_text(code.replace("127.0.0.1:50050", running.command.address))
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rank, image_id, distance, *_ = done.stdout.split()
    assert (rank, image_id) == ("1", "sku/4711")
    assert float(distance) < 1e-3
