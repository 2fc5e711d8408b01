"""Prometheus and Grafana beside the stack."""

import json
from pathlib import Path

import pytest

from deploy.local import observers
from deploy.local.parts import StackSettings
from deploy.local.ports import Ports

PORTS = Ports(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of the PATH."""
    folder = tmp_path / "programs" / "bin"
    folder.mkdir(parents=True)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def add(program: Path) -> None:
    program.write_text("")
    program.chmod(0o700)


def test_what_is_not_here_is_said_plainly_and_left_out(programs: Path, tmp_path: Path) -> None:
    assert observers.parts(StackSettings(tmp_path, PORTS)) == []
    prometheus, grafana = observers.missing()
    assert "Debian's package prometheus" in prometheus
    assert "deploy/observability/dashboard.json" in grafana


def test_prometheus_asks_every_service_and_has_the_rules(programs: Path, tmp_path: Path, root: Path) -> None:
    add(programs / "prometheus")
    (part,) = observers.parts(StackSettings(tmp_path, PORTS))
    assert part.name == "prometheus"
    assert "--web.listen-address=127.0.0.1:10" in part.arguments
    written = json.loads((tmp_path / "prometheus" / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in written["scrape_configs"]}
    assert jobs == {
        "likeness-gateway": ["127.0.0.1:7"],
        "likeness-embedder": ["127.0.0.1:8"],
        "likeness-search": ["127.0.0.1:9"],
    }
    assert written["rule_files"] == [str(root / "deploy" / "observability" / "alerts.yml")]


def test_grafana_finds_prometheus_and_the_dashboard(programs: Path, tmp_path: Path, root: Path) -> None:
    add(programs / "grafana")
    (part,) = observers.parts(StackSettings(tmp_path, PORTS))
    provisioning = Path(part.environment["GF_PATHS_PROVISIONING"])
    (source,) = json.loads((provisioning / "datasources" / "likeness.yml").read_text())["datasources"]
    (provider,) = json.loads((provisioning / "dashboards" / "likeness.yml").read_text())["providers"]
    assert source["url"] == "http://127.0.0.1:10"
    assert Path(provider["options"]["path"]) == root / "deploy" / "observability"
    assert part.environment["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert part.arguments == [str(programs / "grafana"), "server", "--homepath", str(programs.parent)]
