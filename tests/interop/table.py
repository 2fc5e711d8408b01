"""The table of expectations that drives the client of every language."""

import json
import string
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.interop.clients import Client, Heard
from tests.interop.matching import differences

Step = dict[str, Any]

_TABLE: dict[str, Any] = json.loads(Path(__file__).with_name("expectations.json").read_text())
CONDITIONS = sorted(_TABLE["conditions"])
_OUTCOMES = ("ok", "error", "refused", "answered")
_NOT_SENT = (*_OUTCOMES, "step", "at")


def script(names: Mapping[str, str]) -> list[Step]:
    """Return the steps on a stack that is well, with these names filled in."""
    return _filled(_TABLE["script"], names)


def under(condition: str, names: Mapping[str, str]) -> list[Step]:
    """Return the steps while something is amiss."""
    return _filled(_TABLE["conditions"][condition], names)


def reasons() -> set[str]:
    """Return every reason that some row expects."""
    return set(_reasons(_TABLE))


async def check(client: Client, step: Step, addresses: Mapping[str, str], heard: Heard | None = None) -> None:
    """Have a client carry out a step and compare."""
    command = {name: value for name, value in step.items() if name not in _NOT_SENT}
    command["addresses"] = [addresses[step.get("at", "gateway")]]
    said = await client.perform(command, heard)
    expected = {outcome: step.get(outcome) for outcome in _OUTCOMES}
    if step.get("attempts"):
        # How often one has to ask is the moment's; what came of it is not.
        expected["refused"] = step.get("refused", {"any": True})
    assert expected["ok"] is not None or expected["error"] is not None, f"nothing is expected of: {step['step']}"
    problems = list(differences(expected, said))
    assert not problems, "\n".join([f"{client.language}: {step['step']}", *problems])


def _filled(steps: list[Step], names: Mapping[str, str]) -> list[Step]:
    filled: list[Step] = json.loads(string.Template(json.dumps(steps)).substitute(names))
    return filled


def _reasons(part: Any) -> Iterator[str]:
    if isinstance(part, dict) and isinstance(part.get("reason"), str):
        yield part["reason"]
    members = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    for member in members:
        yield from _reasons(member)
