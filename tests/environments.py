"""Environments with some requirements and no others, kept under .tools/environments by the hash of what is in them."""

import hashlib
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
KEPT = ROOT / ".tools" / "environments"


def locked(name: str) -> Path:
    """Return the interpreter of an environment with what a lock file says: the newest there was when that was made."""
    lock = ROOT / "requirements" / f"{name}.lock"
    assert lock.exists(), f"{lock.name} is missing: run make lock"
    return _installed(name, lock.read_text(), "--no-deps")


def oldest() -> Path:
    """Return the interpreter of an environment with the oldest versions that pyproject.toml lets a caller have."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return _installed("oldest", "\n".join(each.replace(">=", "==") for each in project["dependencies"]))


def _installed(name: str, requirements: str, *options: str) -> Path:
    key = hashlib.sha256(f"{sys.version}\n{requirements}".encode()).hexdigest()[:16]
    folder = KEPT / f"{name}-{key}"
    python = folder / "bin" / "python"
    if not (folder / "complete").exists():
        for stale in KEPT.glob(f"{name}-*"):
            shutil.rmtree(stale)
        venv.create(folder, symlinks=True)
        (folder / "requirements.txt").write_text(requirements)
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *options]
        subprocess.run([*pip, "--only-binary=:all:", "-r", str(folder / "requirements.txt")], check=True)
        (folder / "complete").touch()
    return python
