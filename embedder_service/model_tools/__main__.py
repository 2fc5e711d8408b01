"""Runs the command: `python -m embedder_service.model_tools`."""

from embedder_service.model_tools.cli import main

if __name__ == "__main__":
    main()
