"""The model repository: every folder with a model.toml and a model.onnx is a model, and a wrong one is left out."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import structlog

from embedder_service import golden, model_folder
from embedder_service.faults import first_line
from embedder_service.ports import Catalog, ImageDecoder, LoadModel, Model, ModelSource, ModelUnusable, TryFolder

BUILT_IN = Path(__file__).parent / "models"
OpenDecoder = Callable[[], AbstractAsyncContextManager[ImageDecoder]]
_log = structlog.get_logger()


class ModelFolders(ModelSource):
    """Loads the models in some folders of models.

    Args:
        repositories: Folders of models; the first of a name counts.
        load_model: Makes a model of a folder's contents.
        try_folder: Finds out, elsewhere, whether loading a folder does harm. What comes with the service is not tried.
        open_decoder: Opens what reads the golden pictures, for as long as a look at the folders takes.
        executor: Where all of this waits.
        golden_seconds: Time that a model may take over its golden pictures.
    """

    def __init__(
        self,
        repositories: Sequence[Path],
        load_model: LoadModel,
        try_folder: TryFolder,
        open_decoder: OpenDecoder,
        executor: Executor,
        *,
        golden_seconds: float,
    ) -> None:
        self._repositories = repositories
        self._load_model = load_model
        self._try_folder = try_folder
        self._open_decoder = open_decoder
        self._executor = executor
        self._golden_seconds = golden_seconds
        self._origins: dict[str, Path] = {}
        self._states: dict[Path, object] = {}

    async def load(self, serving: Mapping[str, Model]) -> Catalog:
        """See ModelSource. Each model that cannot be served costs one line of the log, and nothing else."""
        found = Catalog()
        folders = [*self._folders(serving, found)]
        async with self._open_decoder() as decoder:
            loaded = await asyncio.gather(*(self._one(folder, serving, decoder) for folder in folders))
        for folder, model in zip(folders, loaded, strict=True):
            self._note(folder, model, serving, found)
        found.models, found.refused = dict(sorted(found.models.items())), dict(sorted(found.refused.items()))
        _log.info("models loaded", models={name: model.card.fingerprint for name, model in found.models.items()})
        return found

    def _folders(self, serving: Mapping[str, Model], found: Catalog) -> Iterator[Path]:
        """Yield the folders that are meant as models: in the order of the repositories, then of their names."""
        origins: dict[str, Path] = {}
        for repository in self._repositories:
            try:
                folders = model_folder.below(repository)
            except OSError as error:
                _log.error("model folder cannot be read", folder=str(repository), problem=error.strerror)
                found.refused[str(repository)] = f"it cannot be read: {error.strerror}"
                folders = [path for path in self._origins.values() if path.parent == repository]
                found.models |= {path.name: serving[path.name] for path in folders if path.name in serving}
                origins |= {path.name: path for path in folders}
                continue
            for folder in folders:
                if folder.name in origins:
                    self._refuse(folder, "another folder of this name came first", found)
                else:
                    origins[folder.name] = folder
                    yield folder
        self._origins = origins

    async def _one(self, folder: Path, serving: Mapping[str, Model], decoder: ImageDecoder) -> Model | ModelUnusable:
        try:
            return await self._load(folder, serving.get(folder.name), decoder)
        except ModelUnusable as problem:
            return problem
        except Exception as error:  # noqa: BLE001 whatever is wrong with one folder, the others are served
            return ModelUnusable(f"it cannot be loaded: {first_line(error)}")

    async def _load(self, folder: Path, before: Model | None, decoder: ImageDecoder) -> Model:
        """Load the model, or check anew the one that serves, where only the files beside its card have changed."""
        run = asyncio.get_running_loop().run_in_executor
        state = await run(self._executor, model_folder.state, folder)
        card = await run(self._executor, model_folder.read_card, folder)
        same = before if before is not None and before.card == card else None
        if same is not None and self._states.get(folder) == state:
            return same
        if folder.parent != BUILT_IN:
            await run(self._executor, self._try_folder, folder)
        model, expected = await run(self._executor, self._load_files, folder, same)
        if expected is not None:
            await golden.check(model, decoder, expected, self._golden_seconds)
        self._states[folder] = state
        return model

    def _load_files(self, folder: Path, same: Model | None) -> tuple[Model, golden.Golden | None]:
        files = model_folder.read(folder)
        return same or self._load_model(files.card, files.content), files.golden

    def _note(self, folder: Path, model: Model | ModelUnusable, serving: Mapping[str, Model], found: Catalog) -> None:
        name = folder.name
        if isinstance(model, ModelUnusable):
            self._refuse(folder, str(model), found)
            if name in serving:
                found.models[name] = serving[name]
        else:
            found.models[name] = model

    def _refuse(self, folder: Path, problem: str, found: Catalog) -> None:
        found.refused[folder.name] = problem
        _log.error("model refused", model=folder.name, folder=str(folder), problem=problem)
