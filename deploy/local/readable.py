"""The beginnings of the addresses that the embedder of the local stack may read pictures from."""

from collections.abc import Sequence
from pathlib import Path

from deploy.local import kept
from deploy.local.errors import StackError

SETTING = "LIKENESS_EMBEDDER_URI_PREFIXES"


def chosen(state: Path, given: Sequence[str], *, none: bool) -> tuple[str, ...]:
    """Return the prefixes of this start: those given, or those of the last start over the state folder, or none.

    Raises:
        StackError: one holds a space, where the setting would part it.
    """
    if none:
        return ()
    for prefix in given:
        if not prefix or prefix.split() != [prefix]:
            raise StackError(f"--uri-prefix {prefix!r}: it is no beginning of an address; a space is written as %20")
    return tuple(given) or remembered(state)


def remembered(state: Path) -> tuple[str, ...]:
    """Return the prefixes of the last start over a state folder."""
    return kept.texts(_file(state))


def remember(state: Path, prefixes: Sequence[str]) -> None:
    """Keep the prefixes for the next start."""
    kept.keep(_file(state), prefixes)


def environment(prefixes: Sequence[str]) -> dict[str, str]:
    """Return the setting of the embedder; empty without prefixes, as its default is."""
    return {SETTING: " ".join(prefixes)} if prefixes else {}


def _file(state: Path) -> Path:
    return state / "uri_prefixes.json"
