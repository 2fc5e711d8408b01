"""docs/security.md says what is so."""

import importlib
from collections.abc import Mapping

import pytest

from tests.architecture.access_table import PAGE, SERVICES, documented, rewritten, table


def test_the_page_has_every_role_of_every_call() -> None:
    assert documented(PAGE.read_text()) == table(), "run: python -m tests.architecture.access_table"


@pytest.mark.parametrize("package", ["gateway", "embedder_service", "search_service"])
def test_every_table_of_roles_is_on_the_page(package: str) -> None:
    roles = importlib.import_module(f"{package}.roles")
    tables = [value for name, value in vars(roles).items() if name.isupper() and isinstance(value, Mapping)]
    assert tables
    assert all(any(value is shown for shown in SERVICES.values()) for value in tables)


def test_a_stale_table_is_replaced_and_the_rest_is_kept() -> None:
    renewed = rewritten("# Title\n\n<!-- access -->\nold\n<!-- /access -->\n\ntext\n")
    assert documented(renewed) == table()
    assert renewed.startswith("# Title\n\n")
    assert renewed.endswith("\n\ntext\n")
