"""The `likeness` command: an ordinary caller of the gateway."""

from pathlib import Path
from typing import Annotated

import typer

from likeness import command_collections
from likeness.command_delete import delete
from likeness.command_duplicates import duplicates
from likeness.command_evaluate import evaluate
from likeness.command_feed import feed_model
from likeness.command_index import index
from likeness.command_search import compare, search
from likeness.command_status import models, status
from likeness.credentials import from_files
from likeness.failures import Commands, write_anything
from likeness.release import RELEASE
from likeness.session import Session, require_target

Address = Annotated[
    str, typer.Option(envvar="LIKENESS_ADDRESS", metavar="HOST:PORT", help="gRPC target of the gateway.")
]
Tls = Annotated[
    bool, typer.Option("--tls", envvar="LIKENESS_TLS", help="Connect over TLS; any of the options below implies it.")
]
CaFile = Annotated[
    Path | None,
    typer.Option(envvar="LIKENESS_CA_FILE", help="PEM file of authorities to check the gateway against."),
]
CertFile = Annotated[Path | None, typer.Option(envvar="LIKENESS_CERT_FILE", help="PEM file of a certificate to show.")]
KeyFile = Annotated[Path | None, typer.Option(envvar="LIKENESS_KEY_FILE", help="PEM file of that certificate's key.")]
TokenFile = Annotated[Path | None, typer.Option(envvar="LIKENESS_TOKEN_FILE", help="File with a bearer token to show.")]
ServerName = Annotated[
    str,
    typer.Option(
        envvar="LIKENESS_SERVER_NAME", metavar="NAME", help="Name in the gateway's certificate, if not the address's."
    ),
]


def _show_release(asked: bool) -> None:
    if asked:
        typer.echo(f"likeness {RELEASE}")
        raise typer.Exit


Version = Annotated[
    bool, typer.Option("--version", callback=_show_release, is_eager=True, help="Say which release this is, and end.")
]

app = typer.Typer(cls=Commands, no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False)
app.command()(index)
app.command()(search)
app.command()(compare)
app.command()(delete)
app.command()(evaluate)
app.command()(duplicates)
command_collections.app.command()(feed_model)
app.add_typer(command_collections.app, name="collections")
app.command()(models)
app.command()(status)


@app.callback()
def likeness(
    context: typer.Context,
    address: Address = "127.0.0.1:50050",
    *,
    tls: Tls = False,
    ca_file: CaFile = None,
    cert_file: CertFile = None,
    key_file: KeyFile = None,
    token_file: TokenFile = None,
    server_name: ServerName = "",
    version: Version = False,  # noqa: ARG001 its callback answers
) -> None:
    """Find look-alike images, with several models at once.

    Ends with 0, with 1 on failure, with 2 on wrong use, and with 3 where only a part was done.
    """
    write_anything()
    shown = None
    if tls or server_name or any((ca_file, cert_file, key_file, token_file)):
        shown = from_files(ca_file=ca_file, cert_file=cert_file, key_file=key_file, token_file=token_file)
    context.obj = Session(require_target(address), shown, server_name)
