"""The cluster that kubectl reaches, with the local overlay in it, or that of the variable OVERLAY."""

import os
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
    old = int(kubectl.read("--raw=/version")["minor"].rstrip("+")) < _MINOR_VERSION
    if old:
        _build_stores()
    overlay = os.environ.get("OVERLAY") or (_OLD if old else _LOCAL)
    # An old cluster drops the fields that it does not know.
    kubectl("apply", f"--kustomize={overlay}", f"--validate={str(not old).lower()}")
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
    for namespace in ("likeness", CALLERS):
        kubectl("delete", "namespace", namespace, "--ignore-not-found", "--wait=false")
        # Nothing of it is kept, so that nothing has to be stopped with care.
        kubectl("delete", "pods", "--all", "--force", "--grace-period=0", f"--namespace={namespace}")
        if wait:
            kubectl("wait", "--for=delete", f"namespace/{namespace}", "--timeout=180s")
