"""A caller in the cluster that goes on while something happens to it, and what became of its calls."""

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.k8s.kubectl import Kubectl

_HERE = Path(__file__).parent
_NAMESPACE = "likeness-callers"
_PATIENCE_SECONDS = 120


class Load:
    """What a caller has said so far."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.problem = ""
        self._said = threading.Condition()

    def follow(self, lines: Iterator[str]) -> None:
        """Take note of each line; one that is no report is what the caller died of."""
        for line in lines:
            with self._said:
                if line.startswith("{"):
                    self.calls.append(json.loads(line))
                else:
                    self.problem += line
                self._said.notify_all()

    def go_on(self, calls: int) -> None:
        """Return once so many more calls have ended."""
        with self._said:
            enough = len(self.calls) + calls
            in_time = self._said.wait_for(lambda: self.problem or len(self.calls) >= enough, _PATIENCE_SECONDS)
        assert in_time, "the caller says nothing more"
        assert not self.problem, self.problem

    def __str__(self) -> str:
        slowest = max(call["seconds"] for call in self.calls)
        return f"{len(self.calls)} calls, {len(self.failures)} failures, the slowest took {slowest:.2f} s"

    @property
    def failures(self) -> list[Any]:
        """The calls that ended with an error, or with a wrong answer."""
        return [call for call in self.calls if call["code"] != "OK"]

    @property
    def per_second(self) -> float:
        """How many calls a second ended."""
        return len(self.calls) / float(self.calls[-1]["at"] - self.calls[0]["at"])


@contextmanager
def load() -> Iterator[Load]:
    """Call the gateway 20 times a second while the block runs."""
    kubectl = Kubectl(_NAMESPACE)
    program = kubectl(
        "create", "configmap", "caller", f"--from-file={_HERE / 'caller.py'}", "--dry-run=client", "-oyaml"
    )
    kubectl("apply", "--filename=-", text=program)
    image = Kubectl()("get", "deployment", "gateway", "--output=jsonpath={.spec.template.spec.containers[0].image}")
    kubectl("apply", "--filename=-", text=(_HERE / "caller.yaml").read_text().replace("IMAGE", image))
    try:
        kubectl("wait", "--for=condition=Ready", "pod/caller", f"--timeout={_PATIENCE_SECONDS}s")
        with _followed(kubectl) as calling:
            calling.go_on(calls=100)
            yield calling
            print(calling)
    finally:
        kubectl("delete", "pod", "caller", "--force", "--grace-period=0")


@contextmanager
def _followed(kubectl: Kubectl) -> Iterator[Load]:
    calling = Load()
    with subprocess.Popen(kubectl.command("logs", "--follow", "caller"), stdout=subprocess.PIPE, text=True) as logs:
        assert logs.stdout is not None
        reading = threading.Thread(target=calling.follow, args=(logs.stdout,), name="calls")
        reading.start()
        try:
            yield calling
        finally:
            logs.terminate()
            reading.join()
