"""A model's folder: written whole or not at all, and put in the place of an older one in one step."""

import ctypes
import os
import tempfile
from pathlib import Path
from typing import Any

import tomli_w

from embedder_service.golden import FILE, Golden
from embedder_service.model_card import ModelCard
from embedder_service.model_tools.errors import ToolError

_HEAD = """\
# Written by likeness-models; docs/models.md explains every key. A change below [preprocessing] makes another model of
# it, whose golden vectors `likeness-models verify --renew` writes anew.

"""
_READABLE = 0o755
# linux/fs.h: swap two names in one step.
_RENAME_EXCHANGE = 2
_HERE = -100


def write(repository: Path, card: ModelCard, content: bytes, golden: Golden, *, replace: bool) -> Path:
    """Write the folder `card.name` below `repository` and return it.

    Raises:
        ToolError: it is there already and is not to be replaced, or cannot be written.
    """
    target = repository / card.name
    if target.exists() and not replace:
        raise ToolError(f"{target} is there already; --replace puts the new one in its place")
    try:
        repository.mkdir(parents=True, exist_ok=True)
        # Names that begin with a dot are no models: nobody sees it before it is whole.
        with tempfile.TemporaryDirectory(prefix=f".{card.name}-", dir=repository) as place:
            made = Path(place) / card.name
            _fill(made, card, content, golden)
            _move(made, target)
    except OSError as error:
        raise ToolError(f"{error.filename}: {error.strerror}") from None
    return target


def write_golden(folder: Path, golden: Golden) -> None:
    """Put golden vectors into a folder that is there.

    Raises:
        ToolError: it cannot be written to.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=".", dir=folder) as place:
            made = Path(place) / FILE
            _write(made, golden.text().encode())
            made.replace(folder / FILE)
    except OSError as error:
        raise ToolError(f"{error.filename}: {error.strerror}") from None


def card_text(card: ModelCard) -> str:
    """Return the contents of model.toml."""
    return _HEAD + tomli_w.dumps(_plain(card.model_dump()))


def _fill(folder: Path, card: ModelCard, content: bytes, golden: Golden) -> None:
    folder.mkdir()
    folder.chmod(_READABLE)
    _write(folder / "model.onnx", content)
    _write(folder / "model.toml", card_text(card).encode())
    _write(folder / FILE, golden.text().encode())


def _write(path: Path, content: bytes) -> None:
    with path.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _move(made: Path, target: Path) -> None:
    """Put `made` where `target` is or will be; what was there before is then at `made`."""
    if not target.exists():
        made.rename(target)
    elif not _exchange(made, target):
        # A file system or a kernel that cannot: there is no such folder for an instant.
        older = made.with_name(f"{made.name}.old")
        target.rename(older)
        made.rename(target)


def _exchange(one: Path, other: Path) -> bool:
    """Swap two names; False where that cannot be done."""
    renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if renameat2 is None:
        return False
    return bool(renameat2(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _RENAME_EXCHANGE) == 0)


def _plain(value: Any) -> Any:
    """Return lists where the card has tuples."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value
