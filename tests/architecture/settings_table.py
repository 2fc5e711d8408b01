"""The settings tables of README.md. `python -m tests.architecture.settings_table` writes them anew.

A table stands between `<!-- settings: gateway -->` and `<!-- /settings -->`.
"""

import json
import re
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from pydantic.fields import FieldInfo

from embedder_service.settings import EmbedderSettings
from gateway.settings import GatewaySettings
from search_service.settings import SearchSettings
from servicekit.settings import ServerSettings
from tests.architecture.source import ROOT

README = ROOT / "README.md"
SETTINGS: dict[str, type[ServerSettings]] = {
    "gateway": GatewaySettings,
    "embedder": EmbedderSettings,
    "search": SearchSettings,
}


def table(kind: type[ServerSettings]) -> str:
    """Return the settings of one service as a Markdown table."""
    prefix = str(kind.model_config["env_prefix"])
    rows = [
        f"| `{prefix}{name.upper()}` | {_default(field)} | {_escaped(str(field.description))} |"
        for name, field in kind.model_fields.items()
    ]
    return "\n".join(["| Name | Default | Meaning |", "| --- | --- | --- |", *rows])


def documented(readme: str) -> dict[str, str]:
    """Return the tables that stand in a README, by service."""
    blocks = re.findall(r"<!-- settings: (\w+) -->\n(.*?)\n<!-- /settings -->", readme, flags=re.DOTALL)
    return {service: text.strip() for service, text in blocks}


def rewritten(readme: str) -> str:
    """Return a README with its tables as the settings classes have them."""

    def renewed(match: re.Match[str]) -> str:
        return f"<!-- settings: {match[1]} -->\n\n{table(SETTINGS[match[1]])}\n\n<!-- /settings -->"

    return re.sub(r"<!-- settings: (\w+) -->\n.*?<!-- /settings -->", renewed, readme, flags=re.DOTALL)


def _default(field: FieldInfo) -> str:
    text = _spelt(field.get_default(call_default_factory=True, validated_data={}))
    return f"`{text}`" if text else ""


def _spelt(value: Any) -> str:
    """Return a default as the environment would spell it; nothing for what is empty or secret."""
    if isinstance(value, SecretStr):
        return _spelt(value.get_secret_value())
    if isinstance(value, str | Path | None.__class__):
        return str(value or "")
    return json.dumps(value) if value != () else ""


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    README.write_text(rewritten(README.read_text()))
