"""The table of roles in docs/security.md. `python -m tests.architecture.access_table` writes it anew."""

import re
from collections.abc import Mapping

import embedder_service.roles
import gateway.roles
import search_service.roles
from servicekit.tokens import Role
from tests.architecture.source import ROOT

PAGE = ROOT / "docs" / "security.md"
SERVICES: Mapping[str, Mapping[str, Role]] = {
    "ImageSearchService (gateway)": gateway.roles.ROLES,
    "EmbedderService (embedder)": embedder_service.roles.EMBEDDER,
    "GRPCInferenceService (embedder)": embedder_service.roles.INFERENCE,
    "ModelAdminService (embedder)": embedder_service.roles.MODEL_ADMIN,
    "SearchService (search)": search_service.roles.SEARCH,
    "MaintenanceService (search)": search_service.roles.MAINTENANCE,
}
_BLOCK = re.compile(r"<!-- access -->\n(.*?)<!-- /access -->", flags=re.DOTALL)


def table() -> str:
    """Return what every role opens, as a Markdown table."""
    heads = ["Service", *(role.name.lower() for role in Role)]
    rows = [[name, *(_calls(roles, role) for role in Role)] for name, roles in SERVICES.items()]
    return "\n".join(f"| {' | '.join(row)} |" for row in [heads, ["---"] * len(heads), *rows])


def _calls(roles: Mapping[str, Role], wanted: Role) -> str:
    return ", ".join(f"`{name}`" for name, role in roles.items() if role is wanted)


def documented(page: str) -> str:
    """Return the table that stands in a page."""
    found = _BLOCK.search(page)
    return found[1].strip() if found else ""


def rewritten(page: str) -> str:
    """Return the page with the table as the services have it."""
    return _BLOCK.sub(lambda _: f"<!-- access -->\n\n{table()}\n\n<!-- /access -->", page)


if __name__ == "__main__":
    PAGE.write_text(rewritten(PAGE.read_text()))
