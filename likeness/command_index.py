"""`likeness index`."""

import threading
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import ProgressColumn, Task
from rich.text import Text

from likeness import documents, folders, retrying, tables
from likeness.batches import MAX_BATCH_IMAGES
from likeness.errors import LikenessError
from likeness.folders import Found
from likeness.indexing import Indexer, Plan
from likeness.new_collection import Metric, Models, ensure, wanted
from likeness.progress import progress
from likeness.report import Report
from likeness.retrying import Patience
from likeness.session import EXIT_PARTLY, Collection, Json, Session, print_json, session_of
from likeness.v1 import image_search_pb2 as pb

Directories = Annotated[
    list[Path], typer.Argument(metavar="DIR...", exists=True, file_okay=False, help="Folders of pictures.")
]
LabelFromFolder = Annotated[
    bool,
    typer.Option(
        "--label-from-folder",
        help="Set the attribute `label` to the name of each picture's folder. A later run without it takes it away.",
    ),
]
BatchSize = Annotated[int, typer.Option(min=1, max=MAX_BATCH_IMAGES, help="Pictures a call, at most.")]
Concurrency = Annotated[int, typer.Option(min=1, max=64, help="Calls at once.")]
PatienceSeconds = Annotated[
    float, typer.Option(min=0, metavar="SECONDS", help="How long to wait for a service that does not answer.")
]


class _RateColumn(ProgressColumn):
    """Pictures a second since the start: of late would be absurd as soon as the first few are answered at once."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.completed / task.elapsed if task.elapsed else 0:.1f} images/s")


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

    A picture's id is its path below DIR, and begins with DIR's name where several are given; each byte of it other than
    A-Z a-z 0-9 . _ : / - is written as @ and two hex digits, and one over 128 characters ends in a hash instead. Links
    to folders are not followed. Repeat the command at any time, after an interruption too: what is already there is
    left as it is. A picture whose file is gone stays until `likeness delete`.

    Ends with 0 when every picture is indexed, with 3 when some were refused, and with 1 on failure.

    **Examples**

    * `likeness index ~/Pictures`
    * `likeness index cats dogs --collection pets --models colour,shape --label-from-folder`
    """
    session = session_of(context)
    started = time.monotonic()
    found = folders.find(directories, label_from_folder=label_from_folder)
    if not found.photos:
        session.say(f"There are no pictures in {', '.join(map(str, directories))}.", "yellow")
    plan = Plan(collection, batch_size, concurrency, patience)
    report = _run(session, found, plan, wanted(collection, models, metric))
    document = documents.index(report, found, collection, time.monotonic() - started)
    if json:
        print_json(document)
    else:
        session.show(tables.summary(document), *tables.refusals(document), *tables.skipped(document))
    if report.refused:
        raise typer.Exit(EXIT_PARTLY)


def _run(session: Session, found: Found, plan: Plan, collection: pb.Collection) -> Report:
    with session.client() as client, progress(session, _RateColumn()) as shown:
        task = shown.add_task("", total=len(found.photos))
        waiting = partial(shown.update, task, description="waiting for the service")
        patience = Patience(plan.patience_seconds, threading.Event(), waiting)
        retrying.call(partial(ensure, client, collection), patience)
        report = Report(partial(shown.update, task, advance=1, description=f"into {plan.collection}"))
        for folder, error in found.unreadable:
            report.refuse_folder(folder, error)
        try:
            Indexer(client, plan, report, waiting).run(found.photos)
        except (LikenessError, KeyboardInterrupt) as ended:
            if not isinstance(ended, LikenessError) or ended.code in retrying.RETRYABLE:
                done = f"{report.settled:,} of {len(found.photos):,} were dealt with"
                session.say(f"{done}; the same command goes on, and leaves what is already there as it is.")
            raise
    return report
