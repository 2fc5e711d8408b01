"""The `likeness` command: an ordinary caller of the gateway."""

from typing import Annotated

import typer

from likeness import command_collections
from likeness.command_delete import delete
from likeness.command_duplicates import duplicates
from likeness.command_evaluate import evaluate
from likeness.command_index import index
from likeness.command_search import compare, search
from likeness.command_status import models, status
from likeness.failures import Commands, write_anything
from likeness.session import Session, require_target

Address = Annotated[
    str, typer.Option(envvar="LIKENESS_ADDRESS", metavar="HOST:PORT", help="gRPC target of the gateway.")
]

app = typer.Typer(cls=Commands, no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False)
app.command()(index)
app.command()(search)
app.command()(compare)
app.command()(delete)
app.command()(evaluate)
app.command()(duplicates)
app.add_typer(command_collections.app, name="collections")
app.command()(models)
app.command()(status)


@app.callback()
def likeness(context: typer.Context, address: Address = "127.0.0.1:50050") -> None:
    """Find look-alike images, with several models at once.

    Ends with 0, with 1 on failure, with 2 on wrong use, and with 3 where only a part was done.
    """
    write_anything()
    context.obj = Session(require_target(address))
