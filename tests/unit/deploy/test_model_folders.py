import json
from pathlib import Path

from deploy.local import model_folders


def log(tmp_path: Path, *entries: object) -> Path:
    file = tmp_path / "embedder.log"
    file.write_text("\n".join(entry if isinstance(entry, str) else json.dumps(entry) for entry in entries))
    return file


def test_folders_are_remembered_until_others_are(tmp_path: Path) -> None:
    assert model_folders.remembered(tmp_path) == ()
    model_folders.remember(tmp_path, [Path("/a b"), Path("/c")])
    assert model_folders.remembered(tmp_path) == (Path("/a b"), Path("/c"))
    model_folders.remember(tmp_path, [])
    assert model_folders.remembered(tmp_path) == ()


def test_a_refused_model_is_told_with_the_reason_and_the_log(tmp_path: Path) -> None:
    refused = {
        "event": "model refused",
        "model": "mine",
        "folder": "/m/mine",
        "problem": "model.toml: no",
        "level": "error",
    }
    gone = {"event": "model folder cannot be read", "folder": "/gone", "problem": "No such file or directory"}
    file = log(tmp_path, "text", "[1]", {"event": "models loaded", "models": {}}, refused, gone)
    assert model_folders.problems([], file) == [
        "not served: /m/mine: model.toml: no",
        "not served: /gone: No such file or directory",
        f"the whole log: {file}",
    ]


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    (tmp_path / "flat").mkdir()
    (tmp_path / "flat" / "model.onnx").write_bytes(b"")
    (tmp_path / "good" / "mine").mkdir(parents=True)
    told = model_folders.problems([tmp_path / "good", tmp_path / "flat"], log(tmp_path, {"event": "models loaded"}))
    assert told[0] == f"{tmp_path}/flat holds no model: each is a folder with model.toml and model.onnx"
    assert len(told) == 2
    assert model_folders.problems([tmp_path / "good"], log(tmp_path)) == []
