"""README.md and the settings classes say the same."""

import pytest

from tests.architecture.settings_table import README, SETTINGS, documented, rewritten, table

needs_readme = pytest.mark.skipif(not README.exists(), reason="README.md is not written yet")
ANEW = "run: python -m tests.architecture.settings_table"


@needs_readme
def test_every_service_has_its_settings_table() -> None:
    assert set(documented(README.read_text())) == set(SETTINGS)


@needs_readme
@pytest.mark.parametrize("service", SETTINGS)
def test_a_settings_table_equals_the_settings_class(service: str) -> None:
    assert documented(README.read_text())[service] == table(SETTINGS[service]), ANEW


@pytest.mark.parametrize("service", SETTINGS)
def test_every_setting_is_described_and_starts_with_the_services_prefix(service: str) -> None:
    kind = SETTINGS[service]
    assert kind.model_config["env_prefix"] == f"LIKENESS_{service.upper()}_"
    assert kind.model_config["frozen"] is True
    assert [name for name, field in kind.model_fields.items() if not field.description] == []


def test_a_stale_table_is_replaced_and_the_rest_is_kept() -> None:
    readme = "# Title\n\n<!-- settings: gateway -->\nold\n<!-- /settings -->\n\ntext | with bars\n"
    renewed = rewritten(readme)
    assert documented(renewed) == {"gateway": table(SETTINGS["gateway"])}
    assert renewed.startswith("# Title\n\n")
    assert renewed.endswith("\n\ntext | with bars\n")
    assert rewritten(renewed) == renewed


def test_a_table_has_a_row_for_each_setting_with_its_default() -> None:
    rows = table(SETTINGS["gateway"]).splitlines()
    assert rows[0] == "| Name | Default | Meaning |"
    assert len(rows) == 2 + len(SETTINGS["gateway"].model_fields)
    assert "| `LIKENESS_GATEWAY_PORT` | `50050` | Port of the service; 0 picks a free one. |" in rows
    assert (
        "| `LIKENESS_GATEWAY_REFLECTION` | `true` | Whether callers may ask the server for its descriptors. |" in rows
    )
