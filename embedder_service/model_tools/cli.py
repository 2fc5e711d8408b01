"""The `likeness-models` command."""

import typer

from embedder_service.model_tools import terminal
from embedder_service.model_tools.command_add import add, presets
from embedder_service.model_tools.command_export import export
from embedder_service.model_tools.command_inspect import list_models, show, verify
from embedder_service.model_tools.command_pull import pull
from embedder_service.model_tools.command_quantize import quantize

app = typer.Typer(
    cls=terminal.Commands, no_args_is_help=True, rich_markup_mode="markdown", pretty_exceptions_enable=False
)


@app.callback()
def likeness_models() -> None:
    """Make models for Likeness: from the ONNX Model Zoo, from Keras, from any ONNX file; try them, and quantise them.

    A model is a folder with model.onnx, model.toml and golden.json. Ends with 0, with 1 on failure and with 2 on wrong
    use.
    """


def main() -> None:
    """Run the command, and let only what goes wrong be logged."""
    terminal.quieten()
    app(prog_name="likeness-models")


app.command()(pull)
app.command()(export)
app.command()(add)
app.command()(quantize)
app.command("list")(list_models)
app.command()(show)
app.command()(verify)
app.command()(presets)
