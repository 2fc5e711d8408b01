"""README.md and CONTRIBUTING.md say what is so."""

import re

import pytest

from servicekit import errors
from tests.architecture.settings_table import README, SETTINGS, documented, rewritten, table
from tests.architecture.source import ROOT, reasons

ANEW = "run: python -m tests.architecture.settings_table"


def test_every_service_has_its_settings_table() -> None:
    assert set(documented(README.read_text())) == set(SETTINGS)


@pytest.mark.parametrize("service", SETTINGS)
def test_a_settings_table_equals_the_settings_class(service: str) -> None:
    assert documented(README.read_text())[service] == table(SETTINGS[service]), ANEW


def test_every_reason_of_an_error_is_listed() -> None:
    """Kinds of errors that no service raises bare need no line."""
    section = README.read_text().partition("\n## Errors\n")[2].partition("\n## ")[0]
    rows = [row.split("|")[2] for row in section.splitlines() if row.startswith("| ") and "| Reasons |" not in row]
    listed = {word for row in rows for word in re.findall(r"\b[A-Z]{2,}(?:_[A-Z]+)*\b", row)}
    bare = {kind.reason for kind in errors.ServiceError.__subclasses__()}
    assert reasons() - bare <= listed
    assert listed <= reasons() | bare


GUIDES = ["README.md", "CONTRIBUTING.md"]


@pytest.mark.parametrize("name", GUIDES)
def test_files_that_are_named_are_there(name: str) -> None:
    text = (ROOT / name).read_text()
    linked = set(re.findall(r"\]\(([^)#:]+)\)", text)) | set(re.findall(r"`((?:tests|deploy|protos)/[\w/.-]+)`", text))
    assert sorted(path for path in linked if not (ROOT / path).exists()) == []


@pytest.mark.parametrize("name", GUIDES)
def test_make_knows_the_targets_that_are_named(name: str) -> None:
    named = set(re.findall(r"(?:`|^)make ([.\w/-]+)", (ROOT / name).read_text(), flags=re.MULTILINE))
    known = set(re.findall(r"^([.\w/-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert named - known == set()


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
    assert "| `LIKENESS_GATEWAY_PEER_TLS_KEY_FILE` |  | PEM file of that certificate's key. |" in rows
    assert "| `LIKENESS_EMBEDDER_BUILT_IN_MODELS` | `true` | Whether the models `colour` and `shape` are served. |" in (
        table(SETTINGS["embedder"]).splitlines()
    )
