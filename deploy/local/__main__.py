"""Runs the local stack: `python -m deploy.local`."""

import sys

from deploy.local.cli import app
from deploy.local.errors import StackError


def main() -> None:
    """Run a command; a problem that the user can mend is told in words, with exit status 1."""
    try:
        app(prog_name="python -m deploy.local")
    except StackError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
