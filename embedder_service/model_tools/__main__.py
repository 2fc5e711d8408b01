"""Runs the command: `python -m embedder_service.model_tools`."""

from embedder_service.model_tools.cli import app

if __name__ == "__main__":
    app(prog_name="likeness-models")
