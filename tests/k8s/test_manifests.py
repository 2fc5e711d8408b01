"""What the manifests say must be what the services do: ports, settings, times, names; and every pod is locked down."""

import os
import re
from fnmatch import fnmatch
from typing import Any

import kubernetes_validate
import pytest

from embedder_service.settings import EmbedderSettings
from gateway.settings import GatewaySettings
from search_service.settings import SearchSettings
from servicekit.settings import ServerSettings
from tests.architecture.source import ROOT
from tests.k8s import rendered
from tests.k8s.rendered import OVERLAYS, manifests, named

pytestmark = pytest.mark.skipif(not rendered.renderer(), reason="there is no kubectl and no kustomize to render with")
SETTINGS: dict[str, type[ServerSettings]] = {
    "gateway": GatewaySettings,
    "embedder": EmbedderSettings,
    "search": SearchSettings,
}
NEWEST = kubernetes_validate.latest_version()
BUILT_IN = ("v1", "apps/v1", "policy/v1", "autoscaling/v2", "*.k8s.io/v1")
# What handlers and stores may still take to close once a server has stopped: see servicekit.server.
CLOSING_SECONDS = 10
services = pytest.mark.parametrize("service", SETTINGS)
overlays = pytest.mark.parametrize("overlay", OVERLAYS)


def pod_of(overlay: str, service: str) -> Any:
    return named(manifests(overlay, "Deployment"), service)["spec"]["template"]["spec"]


def container_of(overlay: str, service: str) -> Any:
    (container,) = pod_of(overlay, service)["containers"]
    return container


def environment(overlay: str, service: str) -> dict[str, str]:
    """Return what a service's ConfigMap sets."""
    sources = container_of(overlay, service)["envFrom"]
    names = [source["configMapRef"]["name"] for source in sources if "configMapRef" in source]
    return {key: value for name in names for key, value in named(manifests(overlay, "ConfigMap"), name)["data"].items()}


def default(service: str, field: str) -> Any:
    return SETTINGS[service].model_fields[field].default


def workloads(overlay: str) -> list[Any]:
    return [each for kind in ("Deployment", "StatefulSet") for each in manifests(overlay, kind)]


@overlays
def test_every_manifest_is_valid_where_kubernetes_knows_it(overlay: str) -> None:
    checked = [each for each in manifests(overlay) if any(fnmatch(each["apiVersion"], known) for known in BUILT_IN)]
    for each in checked:
        kubernetes_validate.validate(each, NEWEST, strict=True)
    assert len(checked) > 20


@overlays
@services
def test_ports_are_those_that_the_service_listens_on(overlay: str, service: str) -> None:
    ports = {port["name"]: port["containerPort"] for port in container_of(overlay, service)["ports"]}
    names = {"grpc": "port", "health": "health_port", "metrics": "metrics_port"}
    known = SETTINGS[service].model_fields
    assert ports.items() >= {name: default(service, field) for name, field in names.items() if field in known}.items()
    for name in (service, f"{service}-pods"):
        (port,) = named(manifests(overlay, "Service"), name)["spec"]["ports"]
        assert (port["port"], port["targetPort"]) == (ports["grpc"], "grpc")


@overlays
@services
def test_probes_ask_the_health_port(overlay: str, service: str) -> None:
    container = container_of(overlay, service)
    probes = [container[f"{when}Probe"]["grpc"] for when in ("startup", "readiness", "liveness")]
    assert {probe["port"] for probe in probes} == {default(service, "health_port")}
    assert "service" not in probes[1]
    assert probes[2]["service"] == "liveness"


@overlays
@services
def test_a_pod_may_take_as_long_to_stop_as_its_server_does(overlay: str, service: str) -> None:
    needed = default(service, "drain_seconds") + default(service, "grace_seconds") + CLOSING_SECONDS
    assert pod_of(overlay, service)["terminationGracePeriodSeconds"] == needed
    assert not {"DRAIN_SECONDS", "GRACE_SECONDS"} & {key.split("_", 2)[2] for key in environment(overlay, service)}


@overlays
@services
def test_settings_are_accepted(overlay: str, service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = str(SETTINGS[service].model_config["env_prefix"])
    for name in os.environ:
        if name.startswith(prefix):
            monkeypatch.delenv(name)
    given = environment(overlay, service)
    for name, value in given.items():
        # Files are there once a Secret is mounted.
        monkeypatch.setenv(name, __file__ if name.endswith("_FILE") else value)
    assert set(given) <= {f"{prefix}{field}".upper() for field in SETTINGS[service].model_fields}
    assert SETTINGS[service]().host == "0.0.0.0"


@overlays
@pytest.mark.parametrize("service", ["embedder", "search"])
def test_the_gateway_finds_every_pod_of_a_service(overlay: str, service: str) -> None:
    target = environment(overlay, "gateway")[f"LIKENESS_GATEWAY_{service.upper()}_ADDRESS"]
    headless = named(manifests(overlay, "Service"), f"{service}-pods")
    assert target == f"dns:///{service}-pods:{default(service, 'port')}"
    assert headless["spec"]["clusterIP"] == "None"


@overlays
@services
def test_a_restart_waits_for_resolvers_and_loses_no_place(overlay: str, service: str) -> None:
    deployment = named(manifests(overlay, "Deployment"), service)["spec"]
    assert deployment["minReadySeconds"] == 30
    assert deployment["strategy"]["rollingUpdate"] == {"maxSurge": 1, "maxUnavailable": 0}
    assert "replicas" not in deployment or deployment["replicas"] >= 2


@overlays
def test_selectors_select_something(overlay: str) -> None:
    labels = [each["spec"]["template"]["metadata"]["labels"] for each in workloads(overlay)]
    selectors = [each["spec"]["selector"] for each in manifests(overlay, "Service")]
    selectors += [each["spec"]["selector"]["matchLabels"] for each in manifests(overlay, "PodDisruptionBudget")]
    policies = [each["spec"]["podSelector"] for each in manifests(overlay, "NetworkPolicy")]
    selectors += [policy["matchLabels"] for policy in policies if policy]
    for selector in selectors:
        assert any(selector.items() <= each.items() for each in labels), selector


@overlays
def test_policies_let_the_gateway_reach_the_services_and_nothing_in_between(overlay: str) -> None:
    policies = manifests(overlay, "NetworkPolicy")
    assert named(policies, "nothing-else")["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    ways_out = named(policies, "gateway")["spec"]["egress"]
    reached = {
        way["to"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/name"]: way["ports"][0]["port"]
        for way in ways_out
        if "podSelector" in way["to"][0]
    }
    assert reached == {service: default(service, "port") for service in ("embedder", "search")}


@overlays
def test_every_pod_is_locked_down(overlay: str) -> None:
    for each in workloads(overlay):
        pod = each["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert (pod["automountServiceAccountToken"], pod["enableServiceLinks"]) == (False, False)
        for container in pod["containers"]:
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert set(container["resources"]["limits"]) >= {"cpu", "memory"}


@services
def test_images_are_of_this_release(service: str) -> None:
    version = (ROOT / "pyproject.toml").read_text().split('\nversion = "')[1].partition('"')[0]
    assert container_of("local", service)["image"] == f"likeness-{service}:{version}"


@overlays
def test_the_embedder_gets_whole_processors_since_threads_are_counted_by_them(overlay: str) -> None:
    assert container_of(overlay, "embedder")["resources"]["limits"]["cpu"].isdecimal()


def test_commands_of_the_search_service_have_the_certificate_that_the_pages_give_them() -> None:
    """The search service asks for one, and its own must do: there is no other in its pod."""
    certificate = named(manifests("production", "Certificate"), "search-tls")["spec"]
    (mount,) = [each for each in container_of("production", "search")["volumeMounts"] if each["name"] == "tls"]
    (volume,) = [each for each in pod_of("production", "search")["volumes"] if each["name"] == "tls"]
    assert volume["secret"]["secretName"] == certificate["secretName"]
    assert set(certificate["usages"]) == {"server auth", "client auth"}
    files = {"--ca-file": "ca.crt", "--cert-file": "tls.crt", "--key-file": "tls.key"}
    for page in ("kubernetes.md", "runbook.md", "upgrades.md"):
        text = (ROOT / "docs" / page).read_text()
        given = dict(re.findall(r"(--[a-z-]+) ([^\s`\"]+)", text[text.index("--ca-file") :]))
        assert given.items() >= {option: f"{mount['mountPath']}/{file}" for option, file in files.items()}.items()
        assert given["--server-name"] in certificate["dnsNames"]
