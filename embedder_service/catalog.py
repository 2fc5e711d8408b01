"""The model repository: every folder with a model.toml and a model.onnx is a model, and a wrong one is left out."""

import hashlib
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import structlog
from pydantic import ValidationError

from embedder_service.model_card import ModelCard
from embedder_service.ports import LoadModel, Model, ModelUnusable

BUILT_IN = Path(__file__).parent / "models"
_CARD = "model.toml"
_NETWORK = "model.onnx"
# What else may be there: caches, the links that Kubernetes mounts volumes with, a file system's own folder.
_NO_MODELS = (".", "_", "lost+found")
# What stands in place of a large file where a checkout or a download went wrong.
_PLACEHOLDERS = {b"version https://git-lfs": "a Git LFS pointer", b"<": "a web page"}
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Catalog:
    """What the folders held."""

    models: Mapping[str, Model]
    """Those that can be served, by name, in order of name."""
    refused: Sequence[str]
    """Names of folders that are wrong, and whose name no other model has."""


def load(repositories: Sequence[Path], load_model: LoadModel) -> Catalog:
    """Load every model in `repositories`; each that cannot be served costs one line of the log, and nothing else."""
    models: dict[str, Model] = {}
    refused: dict[str, None] = {}
    for folder in _folders(repositories):
        try:
            if folder.name in models:
                raise ModelUnusable("another folder of this name came first")
            models[folder.name] = _load(folder, load_model)
        except ModelUnusable as problem:
            _log.error("model refused", model=folder.name, folder=str(folder), problem=str(problem))
            refused[folder.name] = None
    served = dict(sorted(models.items()))
    _log.info("models loaded", models={name: model.card.fingerprint for name, model in served.items()})
    return Catalog(served, [name for name in refused if name not in served])


def _folders(repositories: Sequence[Path]) -> Iterator[Path]:
    """Yield the folders that are meant as models: in the order of the repositories, then of their names."""
    for repository in repositories:
        try:
            found = sorted(repository.iterdir())
        except OSError as error:
            _log.error("model folder cannot be read", folder=str(repository), problem=error.strerror)
            continue
        yield from (folder for folder in found if folder.is_dir() and not folder.name.startswith(_NO_MODELS))


def _load(folder: Path, load_model: LoadModel) -> Model:
    card = _read_card(folder)
    # Hashed and loaded from the same bytes: a file that changes in between changes nothing.
    content = _read(folder / _NETWORK)
    found = hashlib.sha256(content).hexdigest()
    for start, name in _PLACEHOLDERS.items():
        if content.startswith(start):
            raise ModelUnusable(f"{_NETWORK} is {name}, not a network")
    if found != card.onnx_sha256:
        raise ModelUnusable(f"the sha256 of {_NETWORK} is {found}, and {_CARD} says {card.onnx_sha256}")
    return load_model(card, content)


def _read_card(folder: Path) -> ModelCard:
    try:
        card = ModelCard.model_validate(tomllib.loads(_read(folder / _CARD).decode()))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise ModelUnusable(f"{_CARD}: {problems}") from None
    except ValueError as error:  # not TOML, or not UTF-8
        raise ModelUnusable(f"{_CARD}: {error}") from None
    if card.name != folder.name:
        raise ModelUnusable(f"{_CARD}: name is {card.name!r}, and the folder's is {folder.name!r}")
    return card


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelUnusable(f"{path.name} cannot be read: {error.strerror}") from None
