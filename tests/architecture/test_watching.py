"""docs/watching.md, docs/runbook.md, the dashboard and the alerts are about each other, and about what there is."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from tests.architecture.metrics_table import PAGE, definitions, documented, table
from tests.architecture.source import ROOT

FOLDER = ROOT / "deploy" / "observability"
ANEW = "run: python -m tests.architecture.metrics_table"


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    return [p for p in json.loads((FOLDER / "dashboard.json").read_text())["panels"] if p["type"] != "row"]


def test_the_tables_of_metrics_are_what_the_code_has() -> None:
    assert documented(PAGE.read_text()) == {name: table(found) for name, found in definitions().items()}, ANEW


def test_labels_have_few_values() -> None:
    """Whoever adds a label says here why its values are few: none may come from a caller."""
    bounded = {
        *("method", "code", "reason", "part", "operation", "check"),  # constants of the code
        *("outcome", "vectors", "state", "source", "kind", "repaired", "use"),  # likewise
        "files",  # what a service may be given files of
        *("model", "fingerprint", "dimension"),  # the operator's models
    }
    assert {label for found in definitions().values() for each in found for label in each.labels} <= bounded


def test_every_alert_has_its_lines_in_the_runbook_and_each_of_those_an_alert() -> None:
    sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", (ROOT / "docs/runbook.md").read_text(), re.M | re.S))
    assert list(sections) == [rule["alert"] for rule in alerts()]
    for text in sections.values():
        assert [*re.findall(r"^\*\*(.+?)\*\*", text, re.M)] == ["Meaning.", "Look at.", "Do."]
    for rule in alerts():
        assert rule["annotations"]["runbook"] == f"docs/runbook.md#{rule['alert'].lower()}"
        assert rule["labels"]["severity"] in ("critical", "warning")


def test_panels_and_alerts_select_by_labels_that_their_metrics_have() -> None:
    known = {each.name: set(each.labels) for found in definitions().values() for each in found}
    expressions = [target["expr"] for panel in panels() for target in panel["targets"]]
    for text in [*expressions, *(rule["expr"] for rule in alerts())]:
        for name, selected in re.findall(r"(likeness_\w+)\{([^}]*)\}", text):
            metric = re.sub(r"_(bucket|sum|count)$", "", name)
            assert set(re.findall(r"(\w+)\s*[=!]", selected)) <= known[metric], text


def test_panels_have_room_of_their_own() -> None:
    cells = [
        (x, y)
        for panel in panels()
        for at in [panel["gridPos"]]
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24


def lost(before: Any, after: Any, path: str = "") -> list[str]:
    """Return the paths of all in a JSON value that another one does not have."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [gone for key in before for gone in lost(before[key], after.get(key), f"{path}.{key}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [gone for i, (a, b) in enumerate(zip(before, after, strict=True)) for gone in lost(a, b, f"{path}[{i}]")]
    return [] if before == after else [path]


def test_grafana_knows_every_field_of_the_dashboard() -> None:
    """Its own types read the file and write it again: a field that is misspelt, or misplaced, would be gone."""
    register_default_plugins()
    written = json.loads((FOLDER / "dashboard.json").read_text())
    read = json.loads(JSONEncoder(sort_keys=True).encode(Dashboard.from_json(written)))
    assert lost(written, read) == []
    assert lost(written | {"misspelt": 1}, read) == [".misspelt"]


def promtool(*arguments: str, cwd: Path = FOLDER) -> None:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("needs promtool, of Debian's package prometheus")
    done = subprocess.run([program, *arguments], cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_takes_the_configuration_and_the_rules() -> None:
    promtool("check", "config", "prometheus.yml")


def test_each_alert_fires_when_it_should_and_not_before() -> None:
    promtool("test", "rules", "alerts_test.yml")


SCRAPED = {"job": "likeness-embedder", "namespace": "likeness", "instance": "a"}
QUEUE = "likeness_embedder_queue_seconds"


@pytest.mark.parametrize(
    ("series", "value"),
    [
        ({"up": "1x20", f"{QUEUE}_sum": "0+3x20", f"{QUEUE}_count": "0+30x20"}, 0.1),
        ({"up": "1x20", f"{QUEUE}_sum": "9x20", f"{QUEUE}_count": "90x20"}, 0),
        ({"up": "1x20"}, 0),
        ({"up": "0x20"}, None),
        ({}, None),
    ],
    ids=["busy", "idle", "new", "down", "lost"],
)
def test_embedders_grow_by_what_waits_and_not_by_what_is_not_known(
    tmp_path: Path, series: dict[str, str], value: float | None
) -> None:
    scaling = yaml.safe_load((ROOT / "deploy/k8s/overlays/production/embedder-scaling.yaml").read_text())["spec"]
    metadata = scaling["triggers"][0]["metadata"]
    labels = ",".join(f'{name}="{text}"' for name, text in SCRAPED.items())
    given = [{"series": f"{name}{{{labels}}}", "values": values} for name, values in series.items()]
    expected = [] if value is None else [{"labels": "{}", "value": value}]
    asked = {"expr": metadata["query"], "eval_time": "10m", "exp_samples": expected}
    rules = {"tests": [{"interval": "1m", "input_series": given, "promql_expr_test": [asked]}]}
    (tmp_path / "scaling.yml").write_text(yaml.safe_dump(rules))
    promtool("test", "rules", "scaling.yml", cwd=tmp_path)
    assert metadata["ignoreNullValues"] == "false"
    assert scaling["fallback"]["behavior"] == "currentReplicasIfHigher"


def test_each_alert_is_tried() -> None:
    tried = (FOLDER / "alerts_test.yml").read_text()
    assert set(re.findall(r'alertname="(\w+)"', tried)) == {rule["alert"] for rule in alerts()}
