"""The `likeness` command: an ordinary caller of the gateway."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from likeness import command_collections
from likeness.command_duplicates import duplicates
from likeness.command_evaluate import evaluate
from likeness.command_index import index
from likeness.command_search import compare, search
from likeness.command_status import models, status
from likeness.errors import LikenessError
from likeness.session import Session, explain

Address = Annotated[
    str, typer.Option(envvar="LIKENESS_ADDRESS", metavar="HOST:PORT", help="gRPC target of the gateway.")
]


class Commands(TyperGroup):
    """The commands, and the one place where their expected errors end."""

    def invoke(self, ctx: Any) -> Any:
        """Run a command; an error becomes one red line and exit code 1."""
        try:
            return super().invoke(ctx)
        except LikenessError as error:
            (ctx.obj or Session("")).say(explain(error), "red")
            raise typer.Exit(1) from None


app = typer.Typer(cls=Commands, no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False)
app.command()(index)
app.command()(search)
app.command()(compare)
app.command()(evaluate)
app.command()(duplicates)
app.add_typer(command_collections.app, name="collections")
app.command()(models)
app.command()(status)


@app.callback()
def likeness(context: typer.Context, address: Address = "127.0.0.1:50050") -> None:
    """Find look-alike images, with several models at once."""
    context.obj = Session(address)
