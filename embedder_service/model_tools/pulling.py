"""From an entry of the catalogue to a model's folder."""

from pathlib import Path

from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from embedder_service.model_tools import adding, storing, terminal
from embedder_service.model_tools.download import Wanted, fetch
from embedder_service.model_tools.graph import Network
from embedder_service.model_tools.zoo import Entry

# Names that begin with a dot are no models.
_DOWNLOADS = ".downloads"


async def pull(entry: Entry, repository: Path, base: str, *, name: str | None, replace: bool) -> Path:
    """Download a network, make a model of it and write its folder.

    Raises:
        ToolError: it cannot be fetched, is another file than the catalogue says, or cannot be written.
    """
    wanted = Wanted(f"{base.rstrip('/')}/{entry.path}", entry.size_bytes, entry.sha256)
    file = _fetched(entry.name, wanted, repository / _DOWNLOADS)
    wishes = adding.Wishes(
        name=name or entry.name,
        preset=entry.preset,
        output=entry.output,
        description=entry.description,
        license=entry.license,
        source=wanted.url,
    )
    card, content = adding.make(Network.read(file), wishes)
    written = await storing.store(repository, card, content, replace=replace, min_cosine=entry.min_cosine)
    file.unlink()
    return written


def _fetched(name: str, wanted: Wanted, folder: Path) -> Path:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    console = terminal.console()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task(name, total=wanted.size_bytes)
        return fetch(wanted, folder, lambda have: progress.update(task, completed=have))
