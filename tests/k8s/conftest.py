"""The cluster that kubectl reaches, with the local overlay in it."""

import subprocess
from collections.abc import Iterator

import pytest

from tests.architecture.source import ROOT
from tests.k8s import names
from tests.k8s.kubectl import Kubectl, reachable

_LOCAL = ROOT / "deploy" / "k8s" / "overlays" / "local"
_OLD = ROOT / "tests" / "k8s" / "old"
# Probes over gRPC, and all else that the manifests use.
_MINOR_VERSION = 27
_STORES = ("redis", "milvus")
SERVICES = ("embedder", "search", "gateway")
CALLERS = "likeness-callers"


@pytest.fixture(scope="session")
def cluster() -> Iterator[Kubectl]:
    """Everything of the local overlay, ready; removed at the end."""
    if not reachable():
        pytest.skip("there is no cluster: kubectl is absent or reaches none, so that nothing was applied")
    kubectl = Kubectl()
    with names.served():
        _remove(kubectl, wait=True)
        _apply(kubectl)
        try:
            yield kubectl
        finally:
            _remove(kubectl, wait=False)


def _apply(kubectl: Kubectl) -> None:
    version = int(kubectl.read("--raw=/version")["minor"].rstrip("+"))
    if version >= _MINOR_VERSION:
        kubectl("apply", f"--kustomize={_LOCAL}")
    else:
        _build_stores()
        # It drops the fields that it does not know.
        kubectl("apply", f"--kustomize={_OLD}", "--validate=false")
    kubectl("create", "namespace", CALLERS)
    for kind, parts in (("statefulset", _STORES), ("deployment", SERVICES)):
        for part in parts:
            kubectl("rollout", "status", f"{kind}/{part}", "--timeout=300s")


def _build_stores() -> None:
    for store in _STORES:
        context = ROOT / "tests" / "images" / "stand_ins"
        command = ["docker", "build", "--quiet", "--target", store, "--tag", f"likeness-test-{store}", str(context)]
        subprocess.run(command, check=True)


def _remove(kubectl: Kubectl, *, wait: bool) -> None:
    kubectl("delete", "namespace", "likeness", CALLERS, "--ignore-not-found", f"--wait={str(wait).lower()}")
