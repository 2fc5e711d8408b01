"""What a later command must know of a stack that runs."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from deploy.local.ports import Ports


@dataclass(frozen=True)
class Record:
    """Where the parts listen, which there are, and the private folder of their unix sockets."""

    ports: Ports
    parts: tuple[str, ...]
    run_directory: Path

    @classmethod
    def read(cls, state: Path) -> Self | None:
        """Return the record of the stack over this folder, or None where there is none."""
        try:
            values = json.loads(_file(state).read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None
        return cls(Ports(**values["ports"]), tuple(values["parts"]), Path(values["run_directory"]))

    def write(self, state: Path) -> None:
        """Keep the record in this folder."""
        _file(state).write_text(json.dumps(asdict(self), default=str))

    @staticmethod
    def remove(state: Path) -> None:
        """Forget the record in this folder, if there is one."""
        _file(state).unlink(missing_ok=True)


def _file(state: Path) -> Path:
    return state / "stack.json"
