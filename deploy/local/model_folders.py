"""The folders of models that are served beside the built-in ones, and what became of the models in them."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from deploy.local import kept

_TOLD = ("model refused", "model folder cannot be read")


def remembered(state: Path) -> tuple[Path, ...]:
    """Return the folders of the last start over a state folder: what was indexed then needs their models."""
    return tuple(map(Path, kept.texts(_file(state))))


def remember(state: Path, folders: Sequence[Path]) -> None:
    """Keep the folders for the next start."""
    kept.keep(_file(state), [str(folder.absolute()) for folder in folders])


def problems(folders: Sequence[Path], log: Path) -> list[str]:
    """Return a line for each folder that holds no model, and one for each model that the embedder's log calls refused.

    The services say no more of a refused model than that it is not served.
    """
    bare = [f"{folder} holds no model: each is a folder with model.toml and model.onnx" for folder in _bare(folders)]
    refused = [f"not served: {entry['folder']}: {entry['problem']}" for entry in _told(log)]
    return [*bare, *refused, f"the whole log: {log}"] if bare or refused else []


def _bare(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        if folder.is_dir() and not any(child.is_dir() for child in folder.iterdir()):
            yield folder


def _told(log: Path) -> Iterator[dict[str, str]]:
    for line in log.read_text(errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and entry.get("event") in _TOLD:
            yield entry


def _file(state: Path) -> Path:
    return state / "models.json"
