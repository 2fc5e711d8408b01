"""The README's Python runs as it stands, and so do its commands that change a model."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

from google.protobuf import json_format

from likeness.v1 import image_search_pb2
from tests.e2e.conftest import Running, write_photos


def output_of(code: str, running: Running, root: Path, directory: Path) -> str:
    """Run an example against a stack, in a folder that has the photo it names."""
    assert "127.0.0.1:50050" in code
    script = directory / "call.py"
    script.write_text(code.replace("127.0.0.1:50050", running.command.address))
    done = subprocess.run(
        [sys.executable, str(script)],
        cwd=directory,
        env={"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_python_of_the_readme_finds_its_picture_and_streams_it(
    running: Running, root: Path, tmp_path: Path
) -> None:
    first, stream = [
        code
        for code in re.findall(r"```python\n(.*?)```", (root / "README.md").read_text(), flags=re.DOTALL)
        if "tritonclient" not in code
    ]
    (photo,) = write_photos(tmp_path, [1])
    shutil.copy(photo, tmp_path / "photo.jpg")
    for _ in range(2):
        rank, image_id, distance, *_ = output_of(first, running, root, tmp_path).split()
        assert (rank, image_id) == ("1", "sku/4711")
        assert float(distance) < 1e-3
    assert output_of(stream, running, root, tmp_path) == "photo.jpg durable\n"


def test_the_readmes_change_of_a_model_ends_with_the_new_one(running: Running, root: Path, tmp_path: Path) -> None:
    (block,) = re.findall(r"```sh\n([^`]* add-model .*?)```", (root / "README.md").read_text(), flags=re.DOTALL)
    write_photos(tmp_path / "Pictures", range(4))
    likeness = f'likeness() {{ "{sys.executable}" -m likeness --address {running.command.address} "$@"; }}'
    line = ["/bin/bash", "-e", "-c", f"{likeness}\n{block}"]
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(root)}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "shape (building, 4 of 4)" in done.stdout
    (pets,) = [found for found in running.command.json("collections")["collections"] if found["name"] == "pets"]
    assert (pets["models"], pets["image_count"]) == (["shape"], 4)
    running.command.json("collections", "delete", "pets", "--force")


def test_the_picture_of_the_readmes_call_from_the_shell_is_handed_over_by_a_pipe(root: Path, tmp_path: Path) -> None:
    """An argument holds 128 KiB, less than a photograph. `cat` stands in for grpcurl, which is not installed."""
    (command,) = re.findall(r"^(echo .*\|\n +grpcurl.*)$", (root / "README.md").read_text(), flags=re.MULTILINE)
    call, _, _ = command.partition("grpcurl")
    (tmp_path / "photo.jpg").write_bytes(bytes(range(256)) * 8000)
    line = f"{call} cat"
    done = subprocess.run(
        ["/bin/bash", "-c", line], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    request = json_format.Parse(done.stdout, image_search_pb2.SearchImagesRequest())
    assert request.image.content == (tmp_path / "photo.jpg").read_bytes()
    assert "-d @" in command
