"""The two clients are one."""

from typing import Any

from likeness import AsyncClient, Client


def test_both_clients_have_the_same_methods_with_the_same_options() -> None:
    def public(kind: type) -> dict[str, dict[str, Any]]:
        members = {name: member for name, member in vars(kind).items() if not name.startswith("_") and callable(member)}
        return {
            name: {key: value for key, value in member.__annotations__.items() if key != "return"}
            for name, member in members.items()
        }

    assert public(Client) == public(AsyncClient)
