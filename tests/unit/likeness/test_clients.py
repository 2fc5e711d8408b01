"""The two clients are one."""

from collections.abc import AsyncIterable, Iterable
from typing import Any

from likeness import AsyncClient, Client, Entry


def test_both_clients_have_the_same_methods_with_the_same_options() -> None:
    def public(kind: type) -> dict[str, dict[str, Any]]:
        members = {name: member for name, member in vars(kind).items() if not name.startswith("_") and callable(member)}
        return {
            name: {key: value for key, value in member.__annotations__.items() if key != "return"}
            for name, member in members.items()
        }

    blocking, asynchronous = public(Client), public(AsyncClient)
    # This one takes asynchronous iterables as well.
    assert blocking["ingest"].pop("entries") == Iterable[Entry]
    assert asynchronous["ingest"].pop("entries") == Iterable[Entry] | AsyncIterable[Entry]
    assert blocking == asynchronous
