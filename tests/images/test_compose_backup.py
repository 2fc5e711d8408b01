"""What docs/compose.md says of backup and restore, done word for word."""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from likeness import Client
from tests.e2e.conftest import Command, write_photos
from tests.images import containers
from tests.images.containers import ROOT, Project

pytestmark = pytest.mark.long
PHOTOS = 40


def commands(section: str) -> str:
    """Return the commands of a section of the page."""
    text = (ROOT / "docs" / "compose.md").read_text().partition(f"\n## {section}\n")[2]
    (found,) = re.findall(r"```sh\n(.*?)```", text.partition("\n## ")[0], flags=re.DOTALL)
    return str(found)


def carry_out(script: str, project: Project, directory: Path) -> str:
    """Run commands of the page in `directory`, on a project of the tests."""
    files = " ".join(f"--file {path}" for path in project.files)
    ours = script.replace("--file deploy/compose.yaml", f"--project-name {project.name} {files}")
    settings = {**os.environ, "LIKENESS_PORT": str(project.port)}
    started = time.monotonic()
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", ours],
        cwd=directory,
        env=settings,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    print(f"took {time.monotonic() - started:.1f} s", done.stdout, *done.stderr.splitlines()[-8:], sep="\n")
    assert done.returncode == 0
    return done.stdout


def test_every_image_is_found_again(standard: list[Path], tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "album", range(PHOTOS))
    with containers.project("backup", *standard) as made:
        made.up()
        command = Command(made.address)
        command.json("index", str(tmp_path / "album"))
        before = found(made.address, photos)
        assert len(set(before)) == PHOTOS
        carry_out(commands("Backup"), made, tmp_path)
        command.json("delete", before[0])
        assert "0 found" in carry_out(commands("Restore"), made, tmp_path)
        assert found(made.address, photos) == before
        # And it takes more.
        assert command.json("index", str(write_photos(tmp_path / "more", [PHOTOS])[0].parent))["created"] == 1


def test_with_milvus_lite_too(embedded: list[Path], tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "album", range(PHOTOS))
    with containers.project("lite-backup", *embedded) as made:
        made.up()
        Command(made.address).json("index", str(tmp_path / "album"))
        before = found(made.address, photos)
        carry_out(_without_a_server(commands("Backup")), made, tmp_path)
        carry_out(_without_a_server(commands("Restore")), made, tmp_path)
        assert found(made.address, photos) == before


def _without_a_server(script: str) -> str:
    lines = [line for line in script.splitlines() if " etcd:" not in line and " minio:" not in line]
    return "\n".join(lines).replace("milvus:/var/lib/milvus", "search:/data")


def found(address: str, photos: list[Path]) -> list[str]:
    """Return the image that is found by each photo: itself, and nothing else is as near."""
    with Client(address) as client:
        hits = [client.search(photo).hits[0] for photo in photos]
    assert all(hit.distance < 0.001 for hit in hits)
    return [hit.image_id for hit in hits]
