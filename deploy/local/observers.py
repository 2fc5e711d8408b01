"""Prometheus and Grafana beside the stack, where their programs are to be had."""

import json
import shutil
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

from deploy.local.parts import ROOT, Part, StackSettings, inherited
from deploy.local.ports import HOST

RULES = ROOT / "deploy" / "observability" / "alerts.yml"
DASHBOARD = ROOT / "deploy" / "observability" / "dashboard.json"
NAMES = ("prometheus", "grafana")
_SERVICES = ("gateway", "embedder", "search")
_SECONDS = 5
_KEPT = "7d"


def parts(settings: StackSettings) -> list[Part]:
    """Return those of the two whose programs are here."""
    found = {name: shutil.which(name) for name in NAMES}
    make: dict[str, Callable[[StackSettings, str], Part]] = {"prometheus": _prometheus, "grafana": _grafana}
    return [make[name](settings, program) for name, program in found.items() if program]


def missing() -> list[str]:
    """Return, for each of the two that is not here, what there is to do, in words for the one who runs the stack."""
    advice = {
        "prometheus": "Prometheus is not on the PATH: it is Debian's package prometheus.",
        "grafana": f"Grafana is not on the PATH, nor in Debian: import {DASHBOARD} into one of yours.",
    }
    return [text for name, text in advice.items() if not shutil.which(name)]


def _prometheus(settings: StackSettings, program: str) -> Part:
    folder, address = settings.state / "prometheus", f"{HOST}:{settings.ports.prometheus}"
    folder.mkdir(parents=True, exist_ok=True)
    # JSON is YAML.
    (folder / "prometheus.yml").write_text(json.dumps(configuration(settings)))
    arguments = [
        program,
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--storage.tsdb.retention.time={_KEPT}",
        f"--web.listen-address={address}",
    ]
    return Part("prometheus", arguments, inherited(), partial(_answers, f"http://{address}/-/ready"))


def configuration(settings: StackSettings) -> dict[str, object]:
    """Return Prometheus's configuration: each service of the stack, often, and the rules."""
    jobs = [
        {
            "job_name": f"likeness-{name}",
            "static_configs": [{"targets": [f"{HOST}:{getattr(settings.ports, f'{name}_metrics')}"]}],
        }
        for name in _SERVICES
    ]
    often = {"scrape_interval": f"{_SECONDS}s", "evaluation_interval": f"{_SECONDS}s"}
    return {"global": often, "rule_files": [str(RULES)], "scrape_configs": jobs}


def _grafana(settings: StackSettings, program: str) -> Part:
    folder, ports = settings.state / "grafana", settings.ports
    _provide(folder, f"http://{HOST}:{ports.prometheus}")
    environment = inherited() | {
        "GF_SERVER_HTTP_ADDR": HOST,
        "GF_SERVER_HTTP_PORT": str(ports.grafana),
        "GF_PATHS_DATA": str(folder / "data"),
        "GF_PATHS_LOGS": str(folder / "logs"),
        "GF_PATHS_PROVISIONING": str(folder / "provisioning"),
        # On loopback alone: whoever is on this machine may look.
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": str(DASHBOARD),
    }
    home = Path(program).resolve().parents[1]
    ready = partial(_answers, f"http://{HOST}:{ports.grafana}/api/health")
    return Part("grafana", [program, "server", "--homepath", str(home)], environment, ready)


def _provide(folder: Path, prometheus: str) -> None:
    """Write what Grafana reads at its start: where Prometheus is, and where the dashboard."""
    source = {"name": "Prometheus", "type": "prometheus", "url": prometheus, "isDefault": True}
    files = {
        "datasources": {"apiVersion": 1, "datasources": [source]},
        "dashboards": {
            "apiVersion": 1,
            "providers": [{"name": "likeness", "type": "file", "options": {"path": str(DASHBOARD.parent)}}],
        },
    }
    for kind, content in files.items():
        path = folder / "provisioning" / kind / "likeness.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1):  # noqa: S310 on loopback, and plain HTTP
            return True
    except OSError:
        return False
