"""`likeness collections`."""

from typing import Annotated

import typer

from likeness import documents, tables
from likeness.new_collection import Metric, Models, wanted
from likeness.session import Json, print_json, session_of

app = typer.Typer(rich_markup_mode="markdown")

Name = Annotated[str, typer.Argument(metavar="NAME", help="The collection's name: a-z, 0-9, _ and -.")]
Description = Annotated[str, typer.Option(metavar="TEXT", help="What it is, for people.")]
Force = Annotated[bool, typer.Option("--force", help="Delete it even if it holds images.")]


@app.callback(invoke_without_command=True)
def collections(context: typer.Context, json: Json = False) -> None:
    """List collections; make and delete them.

    **Examples**

    * `likeness collections`
    * `likeness collections create pets --models colour,shape`
    * `likeness collections delete pets --force`
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
    """Make a collection. Its models and its metric are fixed then."""
    session = session_of(context)
    collection = wanted(name, models, metric)
    collection.description = description
    with session.client() as client:
        made = documents.collection(client.create_collection(collection))
    if json:
        print_json(made)
    else:
        session.show(tables.collections([made]))


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
