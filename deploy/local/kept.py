"""What a start over a state folder leaves for the next one."""

import json
from collections.abc import Sequence
from pathlib import Path


def texts(file: Path) -> tuple[str, ...]:
    """Return what was kept in a file; nothing where nothing was."""
    try:
        return tuple(json.loads(file.read_text()))
    except FileNotFoundError:
        return ()


def keep(file: Path, values: Sequence[str]) -> None:
    """Keep texts for the next start."""
    file.write_text(json.dumps(list(values)))
