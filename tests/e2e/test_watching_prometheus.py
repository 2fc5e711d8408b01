"""Prometheus beside the stack: it gets every service, evaluates every rule, and has an answer for every panel."""

import json
import shutil
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.local.parts import StackSettings
from deploy.local.ports import Ports
from deploy.local.process import wait_until
from deploy.local.stack import Stack
from tests.e2e.conftest import Running, write_photos
from tests.scraping import read

# What only faults bring forth.
QUIET = {"Failing checks", "What reconcile found in the last hour"}
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a Prometheus answers that has scraped, at least three times, a stack that is at work."""
    if not shutil.which("prometheus"):
        pytest.skip("needs prometheus, of Debian's package of that name")
    stack = Stack(StackSettings(tmp_path_factory.mktemp("observed"), Ports.free(), observed=True))
    stack.start()
    try:
        address = f"http://127.0.0.1:{stack.settings.ports.prometheus}"
        command, photos = Running(stack).command, tmp_path_factory.mktemp("photos")
        write_photos(photos, range(3))
        (query,) = write_photos(tmp_path_factory.mktemp("query"), [4])

        def work() -> bool:
            assert command.run("index", str(photos), "--collection", "album").returncode == 0
            assert command.run("search", str(query), "--collection", "album").returncode == 0
            assert command.run("search", "--id", "album 0/photo 0000.png", "--collection", "album").returncode == 0
            assert command.run("search", str(query), "--collection", "none").returncode != 0
            scraped = ask(address, 'min(count_over_time(up{job=~"likeness-.+"}[1m]))')
            return bool(scraped) and float(scraped[0]["value"][1]) >= 3

        assert wait_until(work, PATIENCE_SECONDS)
        yield address
    finally:
        stack.stop()


def ask(address: str, expression: str) -> list[dict[str, Any]]:
    """Return what Prometheus answers to an expression."""
    answer = json.loads(read(f"{address}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"))
    assert answer["status"] == "success"
    return list(answer["data"]["result"])


def test_every_service_is_up(prometheus: str) -> None:
    up = {each["metric"]["job"]: each["value"][1] for each in ask(prometheus, "up")}
    assert up == {"likeness-gateway": "1", "likeness-embedder": "1", "likeness-search": "1"}


def test_every_rule_is_evaluated_without_an_error_and_none_is_critical(prometheus: str) -> None:
    groups = json.loads(read(f"{prometheus}/api/v1/rules"))["data"]["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 10
    assert [rule["name"] for rule in rules if rule.get("lastError") or rule["health"] == "err"] == []
    assert [r["name"] for r in rules if r["state"] == "firing" and r["labels"]["severity"] == "critical"] == []


def empty_panels(prometheus: str, panels: list[dict[str, Any]]) -> set[str]:
    """Return the titles of those that show nothing; a rate shows at the second scrape after its counter has come."""
    found = {
        panel["title"]: [ask(prometheus, each["expr"].replace("$__rate_interval", "1m")) for each in panel["targets"]]
        for panel in panels
    }
    return {title for title, answers in found.items() if not any(answers)}


def test_every_panel_shows_something(prometheus: str, root: Path) -> None:
    dashboard = json.loads((root / "deploy" / "observability" / "dashboard.json").read_text())
    panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
    assert len(panels) > 20
    wait_until(lambda: empty_panels(prometheus, panels) <= QUIET, PATIENCE_SECONDS)
    assert empty_panels(prometheus, panels) <= QUIET
