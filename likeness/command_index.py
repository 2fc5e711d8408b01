"""`likeness index`."""

import threading
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from likeness import documents, photos, retrying, tables
from likeness.batches import MAX_BATCH_IMAGES
from likeness.errors import LikenessError
from likeness.indexing import Indexer, Plan
from likeness.new_collection import Metric, Models, ensure, wanted
from likeness.photos import Photo
from likeness.report import Report
from likeness.retrying import Patience
from likeness.session import Collection, Json, Session, print_json, session_of
from likeness.v1 import image_search_pb2 as pb

_EXIT_REFUSED = 2

Directories = Annotated[
    list[Path], typer.Argument(metavar="DIR...", exists=True, file_okay=False, help="Folders of pictures.")
]
LabelFromFolder = Annotated[
    bool, typer.Option("--label-from-folder", help="Set the attribute `label` to the name of each picture's folder.")
]
BatchSize = Annotated[int, typer.Option(min=1, max=MAX_BATCH_IMAGES, help="Pictures a call, at most.")]
Concurrency = Annotated[int, typer.Option(min=1, max=64, help="Calls at once.")]
PatienceSeconds = Annotated[
    float, typer.Option(min=0, metavar="SECONDS", help="How long to wait for a service that does not answer.")
]


class _RateColumn(ProgressColumn):
    """Pictures a second, of late."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed or 0:.1f} images/s")


def index(
    context: typer.Context,
    directories: Directories,
    *,
    collection: Collection = "photos",
    models: Models = None,
    metric: Metric = None,
    label_from_folder: LabelFromFolder = False,
    batch_size: BatchSize = 16,
    concurrency: Concurrency = 4,
    patience: PatienceSeconds = 60.0,
    json: Json = False,
) -> None:
    """Add the pictures in folders, and in all folders below, to a collection.

    A picture's id is its path below DIR, and begins with DIR's name where several are given. Repeat the command at any
    time, after an interruption too: what is already there is left as it is.

    Ends with 0 when every picture is indexed, with 2 when some were refused, and with 1 on failure.

    **Examples**

    * `likeness index ~/Pictures`
    * `likeness index cats dogs --collection pets --models colour,shape --label-from-folder`
    """
    session = session_of(context)
    started = time.monotonic()
    found = photos.find(directories, label_from_folder=label_from_folder)
    plan = Plan(collection, batch_size, concurrency, patience)
    report = _run(session, found, plan, wanted(collection, models, metric))
    document = documents.index(report, collection, time.monotonic() - started)
    if json:
        print_json(document)
    else:
        session.show(tables.summary(document), *tables.refusals(document))
    if report.refused:
        raise typer.Exit(_EXIT_REFUSED)


def _run(session: Session, found: Sequence[Photo], plan: Plan, collection: pb.Collection) -> Report:
    with session.client() as client, _progress(session) as progress:
        task = progress.add_task("", total=len(found))
        waiting = partial(progress.update, task, description="waiting for the service")
        patience = Patience(plan.patience_seconds, threading.Event(), waiting)
        retrying.call(partial(ensure, client, collection), patience)
        report = Report(partial(progress.update, task, advance=1, description=f"into {plan.collection}"))
        try:
            Indexer(client, plan, report, waiting).run(found)
        except (LikenessError, KeyboardInterrupt):
            session.say(f"{report.indexed:,} of {len(found):,} are indexed; the same command goes on from there.")
            raise
    return report


def _progress(session: Session) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TextColumn("time left"),
        TimeRemainingColumn(),
        console=session.messages,
        disable=not session.messages.is_terminal,
    )
