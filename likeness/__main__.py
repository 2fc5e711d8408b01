"""Makes `python -m likeness` the `likeness` command."""

from likeness.cli import app

app(prog_name="likeness")
