"""Restarts, losses and additions in a real cluster, under 20 calls a second with the retry policy that is shipped."""

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest

from servicekit.settings import ServerSettings
from tests.k8s.conftest import SERVICES
from tests.k8s.kubectl import Kubectl
from tests.k8s.load import load

pytestmark = pytest.mark.cluster
PACE = 20
# Takes all the memory that the manifest allows, in pieces smaller than the server: that is what the kernel then ends.
FILL_MEMORY = """
import os, signal
open("/proc/1/oom_score_adj", "w").write("1000")
for _ in range(100):
    if not os.fork():
        break
kept = bytearray(b"x") * 2**25
signal.pause()
"""


def roll(cluster: Kubectl, service: str) -> None:
    """Return once every pod of a service was replaced."""
    cluster("rollout", "restart", f"deployment/{service}")
    rolled(cluster, service)


def rolled(cluster: Kubectl, service: str) -> None:
    cluster("rollout", "status", f"deployment/{service}", "--timeout=300s")


def names(pods: list[Any]) -> set[str]:
    return {pod["metadata"]["name"] for pod in pods}


def embedded(cluster: Kubectl, since: datetime) -> Counter[str]:
    """Return how many calls each pod of the embedder has answered."""
    served: Counter[str] = Counter()
    for name in names(cluster.pods("embedder")):
        said = cluster("logs", name, f"--since-time={since.isoformat(timespec='seconds')}")
        served[name] = said.count("/likeness.v1.EmbedderService/Embed")
    return served


def restarts(cluster: Kubectl, pod: str) -> int:
    return int(cluster.read("pod", pod)["status"]["containerStatuses"][0]["restartCount"])


@pytest.mark.parametrize("service", SERVICES)
def test_a_rolling_restart_is_not_noticed(cluster: Kubectl, service: str) -> None:
    """The last calls are made long after the old pods began to drain."""
    before = names(cluster.pods(service))
    with load() as calling:
        roll(cluster, service)
        calling.go_on(calls=30 * PACE)
    assert not names(cluster.pods(service)) & before
    assert calling.failures == []
    assert calling.per_second > 0.9 * PACE


def test_an_embedder_that_runs_out_of_memory_is_not_missed_and_comes_back(cluster: Kubectl) -> None:
    victim = sorted(names(cluster.pods("embedder")))[0]
    with load() as calling:
        assert not cluster.succeeds("exec", victim, "--", "python", "-c", FILL_MEMORY)
        calling.go_on(calls=10 * PACE)
        cluster("wait", "--for=condition=Ready", f"pod/{victim}", "--timeout=60s")
        back = datetime.now(UTC)
        calling.go_on(calls=10 * PACE)
    state = cluster.read("pod", victim)["status"]["containerStatuses"][0]
    assert state["lastState"]["terminated"]["reason"] == "OOMKilled"
    assert calling.failures == []
    assert embedded(cluster, back)[victim] > 0


def test_an_embedder_that_joins_gets_its_share(cluster: Kubectl) -> None:
    """By then each connection of the gateways was renewed once, and led them to the new pod."""
    cluster("scale", "deployment/embedder", "--replicas=3")
    rolled(cluster, "embedder")
    with load() as calling:
        cluster("scale", "deployment/embedder", "--replicas=4")
        cluster("wait", "--for=condition=Ready", "pod", "--selector=app.kubernetes.io/name=embedder", "--timeout=60s")
        age = ServerSettings.model_fields["max_connection_age_seconds"].default
        calling.go_on(calls=round(1.1 * age * PACE))
        renewed = datetime.now(UTC)
        calling.go_on(calls=30 * PACE)
    served = embedded(cluster, renewed)
    assert len(served) == 4
    print(dict(served))
    shares = [count / served.total() for count in served.values()]
    assert all(0.2 <= share <= 0.3 for share in shares), served
    assert calling.failures == []
