"""`likeness collections feed-model`."""

import time
from functools import partial

import typer

from likeness import documents, retrying, tables
from likeness.advice import explain_reason
from likeness.command_collections import Model, Name
from likeness.command_index import BatchSize, Concurrency, PatienceSeconds
from likeness.documents import Document
from likeness.errors import LikenessError
from likeness.feeding import Coverage, Feeder, Plan
from likeness.progress import progress
from likeness.session import EXIT_PARTLY, Json, Session, print_json, session_of
from likeness.tally import Tally


def feed_model(
    context: typer.Context,
    name: Name,
    model: Model,
    *,
    batch_size: BatchSize = 16,
    concurrency: Concurrency = 4,
    patience: PatienceSeconds = 60.0,
    json: Json = False,
) -> None:
    """Give a model that was added its vectors of the images that were there before it.

    Every image that has no vector of MODEL and a `uri` is indexed again, with its attributes, from what the embedder
    reads at that uri. **Where the content there has changed since it was indexed, the new content is what is indexed.**
    Which addresses may be read is the operator's to say: LIKENESS_EMBEDDER_URI_PREFIXES, by default none.

    Searches and writes go on. An image that somebody writes or deletes meanwhile stays as they left it. Repeat the
    command at any time: it goes on with what is left. Images without a uri, or with one that cannot be read, are left
    to their owner, who indexes them again, as `likeness index` does with a folder.

    Ends with 0 when every image has a vector of MODEL, with 3 when some are left, and with 1 on failure.

    **Examples**

    * `likeness collections add-model pets mine`
    * `likeness collections feed-model pets mine`
    * `likeness collections activate-model pets mine --replaces shape`
    """
    session = session_of(context)
    started = time.monotonic()
    tally, coverage = _run(session, Plan(name, model, batch_size, concurrency, patience))
    document = documents.feed(tally, coverage, name, model, time.monotonic() - started)
    if json:
        print_json(document)
    else:
        session.show(tables.feed(document), *tables.unread(document))
    _advise(session, document, building=coverage.building)
    if not coverage.complete:
        raise typer.Exit(EXIT_PARTLY)


def _run(session: Session, plan: Plan) -> tuple[Tally, Coverage]:
    with session.client() as client, progress(session) as shown:
        task = shown.add_task(f"feeding {plan.model}", total=None)
        tally = Tally(partial(shown.update, task, advance=1, description=f"feeding {plan.model}"))
        waiting = partial(shown.update, task, description="waiting for the service")

        def watch(coverage: Coverage) -> None:
            shown.update(task, completed=coverage.covered, total=coverage.images)

        try:
            return tally, Feeder(client, plan, tally, waiting).run(watch)
        except (LikenessError, KeyboardInterrupt) as ended:
            if tally.settled and (not isinstance(ended, LikenessError) or ended.code in retrying.RETRYABLE):
                session.say(
                    f"{tally.settled:,} images were dealt with; the same command goes on with those that are left."
                )
            raise


def _advise(session: Session, document: Document, *, building: bool) -> None:
    """Say what comes next."""
    name, model = document["collection"], document["model"]
    covered, images = document["covered"], document["image_count"]
    if "URI_NOT_ALLOWED" in document["reasons"]:
        session.say(explain_reason("URI_NOT_ALLOWED"), "yellow")
    if covered < images:
        session.say(
            f"{covered:,} of {images:,} images have a vector of {model}. The others are left to whoever has their "
            f"files: `likeness index` of the same folders as before, with -c {name} and the same options, feeds them."
        )
    elif building:
        session.say(
            f"All {images:,} images have a vector of {model}. `likeness collections activate-model {name} {model}`, "
            "with --replaces MODEL where another one goes, lets searches use it."
        )
