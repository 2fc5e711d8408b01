"""Names of a cluster that has no name service of its own: Services and, where they are headless, their pods."""

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from threading import Event
from typing import Any

from tests.dns_server import NameServer
from tests.k8s.kubectl import Kubectl

# An object of the API server is at most as large as its store takes.
_LINE_BYTES = 2 * 1024 * 1024
_SUFFIX = ".svc.cluster.local"
_SERVICE = """
apiVersion: v1
kind: Service
metadata: {{ name: kube-dns, namespace: kube-system, labels: {{ likeness-test: names }} }}
spec:
  clusterIP: {address}
  ports: [{{ name: dns, protocol: UDP, port: 53, targetPort: {port} }}]
---
apiVersion: v1
kind: Endpoints
metadata: {{ name: kube-dns, namespace: kube-system }}
subsets:
  - addresses: [{{ ip: {host} }}]
    ports: [{{ name: dns, protocol: UDP, port: {port} }}]
"""


class ClusterNames(NameServer):
    """Answers for NAME.NAMESPACE.svc.cluster.local as the cluster's own name service would."""

    def __init__(self) -> None:
        super().__init__()
        self.services: dict[str, str] = {}
        self.endpoints: dict[str, list[str]] = {}

    def find(self, name: str) -> list[str] | None:
        """Return the one address of a Service, or those of its pods."""
        key = name.removesuffix(_SUFFIX)
        address = self.services.get(key)
        if address is None:
            return None
        return self.endpoints.get(key, []) if address == "None" else [address]

    def learn(self, kind: str, gone: bool, found: Any) -> None:
        """Take note of one Service or Endpoints."""
        key = f"{found['metadata']['name']}.{found['metadata']['namespace']}"
        if kind == "services":
            self.services[key] = found["spec"].get("clusterIP", "None")
        else:
            subsets = [] if gone else found.get("subsets", [])
            self.endpoints[key] = [each["ip"] for subset in subsets for each in subset.get("addresses", [])]


@contextmanager
def served() -> Iterator[None]:
    """Answer for the cluster's names while the block runs, unless the cluster does so itself."""
    kubectl = Kubectl("kube-system")
    # One of ours that was killed may have left its Service behind.
    if kubectl(
        "get", "service", "--selector=!likeness-test", "--field-selector=metadata.name=kube-dns", "--output=name"
    ):
        yield
        return
    ready, done = Event(), Event()
    with ThreadPoolExecutor(1, thread_name_prefix="names") as pool:
        serving = pool.submit(lambda: asyncio.run(_serve(kubectl, ready, done)))
        serving.add_done_callback(lambda _: ready.set())
        try:
            ready.wait()
            yield
        finally:
            done.set()
            serving.result()
            kubectl("delete", "service", "kube-dns")


async def _serve(kubectl: Kubectl, ready: Event, done: Event) -> None:
    host = kubectl("get", "nodes", "--output=jsonpath={.items[0].status.addresses[0].address}")
    first = Kubectl("default")("get", "service", "kubernetes", "--output=jsonpath={.spec.clusterIP}")
    # By custom the tenth address of the range whose first is the API server's.
    address = first.rpartition(".")[0] + ".10"
    async with ClusterNames.listening(host) as names:
        port = int(names.address.rpartition(":")[2])
        kubectl("apply", "--filename=-", text=_SERVICE.format(address=address, port=port, host=host))
        async with _learning(kubectl, names, "services"), _learning(kubectl, names, "endpoints"):
            ready.set()
            await asyncio.to_thread(done.wait)


@asynccontextmanager
async def _learning(kubectl: Kubectl, names: ClusterNames, kind: str) -> AsyncIterator[None]:
    watch = await asyncio.create_subprocess_exec(
        *kubectl.command("get", kind, "--all-namespaces", "--watch", "--output-watch-events", "--output=json"),
        stdout=subprocess.PIPE,
        limit=_LINE_BYTES,
    )
    task = asyncio.create_task(_follow(watch, names, kind))
    try:
        yield
    finally:
        task.cancel()
        watch.terminate()
        await watch.wait()


async def _follow(watch: asyncio.subprocess.Process, names: ClusterNames, kind: str) -> None:
    assert watch.stdout is not None
    async for line in watch.stdout:
        event = json.loads(line)
        names.learn(kind, event["type"] == "DELETED", event["object"])
