"""`likeness collections`."""

from typing import Annotated

import typer

from likeness import bound, documents, tables
from likeness.documents import Document
from likeness.new_collection import Metric, Models, wanted
from likeness.session import Json, Session, print_json, session_of
from likeness.v1 import image_search_pb2 as pb

app = typer.Typer(rich_markup_mode="markdown")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The collection's name: a-z, 0-9, _ and -.")]
Description = Annotated[str, typer.Option(metavar="TEXT", help="What it is, for people.")]
Force = Annotated[bool, typer.Option("--force", help="Delete it even if it holds images.")]
Model = Annotated[str, typer.Argument(metavar="MODEL", help="The model's name, as `likeness models` lists it.")]
Replaces = Annotated[str, typer.Option("--replaces", metavar="MODEL", help="Model that goes in the same step.")]
Incomplete = Annotated[
    bool, typer.Option("--force", help="Even if some images have no vector of it: its searches do not find those.")
]
InUse = Annotated[bool, typer.Option("--force", help="Even if searches use it.")]


@app.callback(invoke_without_command=True)
def collections(context: typer.Context, json: Json = False) -> None:
    """List collections; make and delete them, and change their models.

    A model that is being built stands there with how many of the images have a vector of it.

    **Examples**

    * `likeness collections`
    * `likeness collections create pets --models colour,shape`
    * `likeness collections delete pets --force`
    * `likeness collections add-model pets mine`
    * `likeness collections feed-model pets mine`, or `likeness index` of the same folders
    * `likeness collections activate-model pets mine --replaces shape`
    """
    if context.invoked_subcommand:
        return
    session = session_of(context)
    with session.client() as client:
        found = [documents.collection(collection) for collection in client.collections()]
    if json:
        print_json({"collections": found})
    else:
        session.show(tables.collections(found))


@app.command()
def create(
    context: typer.Context,
    name: Name,
    *,
    models: Models = None,
    metric: Metric = None,
    description: Description = "",
    json: Json = False,
) -> None:
    """Make a collection. Its metric is fixed then; its models may change."""
    session = session_of(context)
    collection = wanted(name, models, metric)
    collection.description = description
    with session.client() as client:
        made = documents.collection(client.create_collection(collection))
    _answer(session, made, json=json)


@app.command()
def delete(context: typer.Context, name: Name, *, force: Force = False, json: Json = False) -> None:
    """Delete a collection and all that is in it; the pictures' files stay."""
    session = session_of(context)
    with session.client() as client:
        client.delete_collection(name, force=force)
    if json:
        print_json({"deleted": name})
    else:
        session.say(f"Deleted {name}.")


@app.command()
def add_model(context: typer.Context, name: Name, model: Model, *, json: Json = False) -> None:
    """Give a collection one more model, which searches use once it is activated.

    From then on every write makes a vector of it too. `likeness collections feed-model`, or `likeness index` of the
    same folders, makes those of the images that are there already. Safe to repeat.
    """
    session = session_of(context)
    with session.client() as client:
        changed = documents.collection(client.add_model(name, model))
    _answer(session, changed, json=json)
    if model not in changed["models"]:
        session.say(
            f"Searches do not use {model} yet. Where the embedder may read the images' uris, `likeness collections "
            f"feed-model {name} {model}` feeds it, and elsewhere `likeness index` of the same folders as before, with "
            f"-c {name} and the same options; then `likeness collections activate-model {name} {model}`, with "
            "--replaces MODEL where another one goes, lets them."
        )


@app.command()
def activate_model(
    context: typer.Context,
    name: Name,
    model: Model,
    *,
    replaces: Replaces = "",
    force: Incomplete = False,
    json: Json = False,
) -> None:
    """Let searches use a model that was added, in one step with the end of another one.

    Each search is answered by the one or by the other, never by both. Safe to repeat.
    """
    session = session_of(context)
    with session.client() as client:
        already = _require_activable(client.collection(name), model, replaces)
        changed = documents.collection(client.activate_model(name, model, replaces=replaces, force=force))
    _answer(session, changed, json=json)
    if already:
        session.say(already, "yellow")


@app.command()
def remove_model(context: typer.Context, name: Name, model: Model, *, force: InUse = False, json: Json = False) -> None:
    """Take a model from a collection, with its vectors. The last one that searches can use stays."""
    session = session_of(context)
    with session.client() as client:
        bound.require(client.collection(name), model)
        changed = documents.collection(client.remove_model(name, model, force=force))
    _answer(session, changed, json=json)


def _require_activable(collection: pb.Collection, model: str, replaces: str) -> str:
    """Refuse names of models that the collection does not have; return what to say where the change is done already."""
    found = bound.require(collection, model, "MODEL_NOT_ADDED")
    if replaces and not (bound.active(found) and bound.find(collection, replaces) is None):
        bound.require(collection, replaces)
        return ""
    gone = f", and {replaces} is not in {collection.name}" if replaces else ""
    return f"{model} was active already{gone}." if bound.active(found) else ""


def _answer(session: Session, collection: Document, *, json: bool) -> None:
    if json:
        print_json(collection)
    else:
        session.show(tables.collections([collection]))
