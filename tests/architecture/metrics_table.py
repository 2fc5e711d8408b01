"""The metrics tables of docs/watching.md. `python -m tests.architecture.metrics_table` writes them anew.

A table stands between `<!-- metrics: gateway -->` and `<!-- /metrics -->`; `every` is what all services have.
"""

import re
from typing import Any, cast

from embedder_service.metrics import EmbedderMetrics
from gateway.metrics import GatewayMetrics
from search_service.metrics import SearchMetrics
from servicekit.admission import Admission
from servicekit.health import Health
from servicekit.metrics import Definition, Metrics
from servicekit.observer import Observer
from servicekit.tracing import NoTracer
from tests.architecture.source import ROOT

PAGE = ROOT / "docs" / "watching.md"
# What is followed is looked up when it is asked for, which nobody does here.
_ABSENT = cast("Any", None)


def definitions() -> dict[str, list[Definition]]:
    """Return what every server tells, and what each service tells beside it."""
    every = Metrics()
    Observer(NoTracer(), every).follow(Admission(1, 1), Health(1), [])
    embedder, search = EmbedderMetrics(), SearchMetrics()
    embedder.show(_ABSENT)
    search.show(_ABSENT, _ABSENT)
    common = {each.name for each in every.defined}
    own = {"gateway": GatewayMetrics().defined, "embedder": embedder.defined, "search": search.defined}
    return {"every": every.defined} | {
        name: [each for each in found if each.name not in common] for name, found in own.items()
    }


def table(found: list[Definition]) -> str:
    """Return metrics as a Markdown table."""
    rows = [
        f"| `{each.name}` | {each.kind} | {', '.join(f'`{label}`' for label in each.labels)} | {each.meaning} |"
        for each in found
    ]
    return "\n".join(["| Name | Kind | Labels | Meaning |", "| --- | --- | --- | --- |", *rows])


def documented(page: str) -> dict[str, str]:
    """Return the tables that stand in a page."""
    blocks = re.findall(r"<!-- metrics: (\w+) -->\n(.*?)\n<!-- /metrics -->", page, flags=re.DOTALL)
    return {name: text.strip() for name, text in blocks}


def rewritten(page: str) -> str:
    """Return a page with its tables as the code has them."""
    known = definitions()

    def renewed(match: re.Match[str]) -> str:
        return f"<!-- metrics: {match[1]} -->\n\n{table(known[match[1]])}\n\n<!-- /metrics -->"

    return re.sub(r"<!-- metrics: (\w+) -->\n.*?<!-- /metrics -->", renewed, page, flags=re.DOTALL)


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text()))
