"""One model's folder: model.toml, model.onnx and golden.json, read and held against each other."""

import hashlib
import os
import stat
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from embedder_service.golden import FILE, MAX_FILE_BYTES, Golden
from embedder_service.model_card import ModelCard
from embedder_service.ports import ModelUnusable

CARD = "model.toml"
NETWORK = "model.onnx"
_MAX_CARD_BYTES = 2**20
# What else may be there: caches, the links that Kubernetes mounts volumes with, a file system's own folder, and models
# that are being written.
_NO_MODELS = (".", "_", "lost+found")
# What stands in place of a large file where a checkout or a download went wrong.
_PLACEHOLDERS = {b"version https://git-lfs": "a Git LFS pointer", b"<": "a web page"}


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What a folder held."""

    card: ModelCard
    content: bytes
    """The network, of which `card` gives the hash."""
    golden: Golden | None
    """None in a folder that somebody wrote by hand."""


def below(repository: Path) -> list[Path]:
    """Return the folders that are meant as models, in order of name; with what may be one, and cannot be looked at.

    Raises:
        OSError: the repository cannot be read.
    """
    found = sorted(repository.iterdir())
    return [folder for folder in found if not folder.name.startswith(_NO_MODELS) and _may_be_folder(folder)]


def read(folder: Path) -> ModelFiles:
    """Return what is in `folder`.

    Raises:
        ModelUnusable: something is missing, or wrong, or does not go with the rest.
    """
    card = read_card(folder)
    # Hashed and loaded from the same bytes: a file that changes in between changes nothing.
    return ModelFiles(card, _network(folder / NETWORK, card), _golden(folder / FILE))


def read_card(folder: Path) -> ModelCard:
    """Return what model.toml says.

    Raises:
        ModelUnusable: it is not there, or says something else than it may.
    """
    try:
        card = ModelCard.model_validate(tomllib.loads(_read(folder / CARD, _MAX_CARD_BYTES).decode()))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ModelUnusable(f"{CARD}: {problems}") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise ModelUnusable(f"{CARD}: {error}") from None
    except RecursionError:
        raise ModelUnusable(f"{CARD}: its values are nested too deeply") from None
    if card.name != folder.name:
        raise ModelUnusable(f"{CARD}: name is {card.name!r}, and the folder's is {folder.name!r}")
    return card


def state(folder: Path) -> Sequence[object]:
    """Return what differs once model.onnx or golden.json is another file, or was written to. Cheap; never raises."""
    return [_state(folder / name) for name in (NETWORK, FILE)]


def _state(path: Path) -> Sequence[int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _network(path: Path, card: ModelCard) -> bytes:
    content = _read(path)
    for start, name in _PLACEHOLDERS.items():
        if content.startswith(start):
            raise ModelUnusable(f"{NETWORK} is {name}, not a network")
    found = hashlib.sha256(content).hexdigest()
    if found != card.onnx_sha256:
        raise ModelUnusable(f"the sha256 of {NETWORK} is {found}, and {CARD} says {card.onnx_sha256}")
    return content


def _golden(path: Path) -> Golden | None:
    return Golden.read(_read(path, MAX_FILE_BYTES)) if os.path.lexists(path) else None


def _may_be_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:
        return True  # whoever reads it is told what is wrong


def _read(path: Path, limit: int | None = None) -> bytes:
    try:
        with open(path, "rb", opener=_opened) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ModelUnusable(f"{path.name} is no regular file")
            content = file.read() if limit is None else file.read(limit + 1)
    except OSError as error:
        raise ModelUnusable(f"{path.name} cannot be read: {error.strerror}") from None
    if limit is not None and len(content) > limit:
        raise ModelUnusable(f"{path.name} has over {limit:,} bytes, which is the limit")
    return content


def _opened(path: str, flags: int) -> int:
    """Open without waiting: a pipe that nobody writes to would be waited for without an end."""
    return os.open(path, flags | os.O_NONBLOCK)
