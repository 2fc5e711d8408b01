"""Runs the search service, or one of its commands: `python -m search_service --help`."""

from search_service.cli import app

if __name__ == "__main__":
    app(prog_name="python -m search_service")
