import sys
from pathlib import Path

import pytest

from deploy.local import parts
from deploy.local.parts import Part, StackSettings
from deploy.local.ports import Ports

RUN = Path("/tmp/run")
PORTS = Ports(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)


def service(name: str, settings: StackSettings) -> Part:
    (found,) = (part for part in parts.services(settings, RUN) if part.name == name)
    return found


def own(part: Part) -> dict[str, str]:
    return {name: value for name, value in part.environment.items() if name.startswith("LIKENESS_")}


def test_each_service_is_told_where_to_listen_and_whom_to_call() -> None:
    settings = StackSettings(Path("/state"), PORTS, model_dirs=(Path("/a"), Path("/b")))
    assert own(service("gateway", settings)) == {
        "LIKENESS_GATEWAY_PORT": "1",
        "LIKENESS_GATEWAY_HEALTH_PORT": "4",
        "LIKENESS_GATEWAY_METRICS_PORT": "7",
        "LIKENESS_GATEWAY_DRAIN_SECONDS": "0.2",
        "LIKENESS_GATEWAY_EMBEDDER_ADDRESS": "127.0.0.1:2",
        "LIKENESS_GATEWAY_SEARCH_ADDRESS": "127.0.0.1:3",
    }
    assert own(service("embedder", settings)) == {
        "LIKENESS_EMBEDDER_PORT": "2",
        "LIKENESS_EMBEDDER_HEALTH_PORT": "5",
        "LIKENESS_EMBEDDER_METRICS_PORT": "8",
        "LIKENESS_EMBEDDER_DRAIN_SECONDS": "0.2",
        "LIKENESS_EMBEDDER_MODEL_DIRS": "/a:/b",
    }
    assert own(service("search", settings)) == {
        "LIKENESS_SEARCH_PORT": "3",
        "LIKENESS_SEARCH_HEALTH_PORT": "6",
        "LIKENESS_SEARCH_METRICS_PORT": "9",
        "LIKENESS_SEARCH_DRAIN_SECONDS": "0.2",
        "LIKENESS_SEARCH_MILVUS_URI": "/state/milvus/likeness.db",
        "LIKENESS_SEARCH_REDIS_URL": "unix:///tmp/run/redis.sock",
    }


def test_milvus_and_redis_can_be_elsewhere() -> None:
    settings = StackSettings(Path("/state"), milvus_uri="http://milvus:19530", redis_url="redis://redis:6379/0")
    assert parts.redis(settings, RUN) == []
    environment = service("search", settings).environment
    assert environment["LIKENESS_SEARCH_MILVUS_URI"] == "http://milvus:19530"
    assert environment["LIKENESS_SEARCH_REDIS_URL"] == "redis://redis:6379/0"


def test_a_further_setting_goes_to_the_service_that_it_names() -> None:
    settings = StackSettings(Path("/state"), environment={"LIKENESS_SEARCH_SWEEP_INTERVAL_SECONDS": "1"})
    names = [part.name for part in parts.services(settings, RUN) if "1" in own(part).values()]
    assert names == ["search"]


def test_settings_left_over_in_the_shell_are_not_handed_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LIKENESS_GATEWAY_PORT", "77")
    monkeypatch.setenv("LIKENESS_GATEWAY_NONSENSE", "77")
    monkeypatch.setenv("SOMETHING_ELSE", "kept")
    settings = StackSettings(tmp_path, PORTS)
    for part in [*parts.redis(settings, RUN), *parts.services(settings, RUN)]:
        assert "77" not in own(part).values()
        assert part.environment["SOMETHING_ELSE"] == "kept"


def test_services_run_on_the_same_python_from_the_same_checkout(root: Path) -> None:
    for part in parts.services(StackSettings(Path("/state")), RUN):
        assert part.arguments[:2] == [sys.executable, "-m"]
        assert part.environment["PYTHONPATH"] == str(root)
