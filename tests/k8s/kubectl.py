"""The cluster that kubectl reaches."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Kubectl:
    """Runs kubectl in one namespace."""

    namespace: str = "likeness"

    def command(self, *arguments: str) -> list[str]:
        """Return the command line."""
        return ["kubectl", f"--namespace={self.namespace}", *arguments]

    def __call__(self, *arguments: str, text: str = "") -> str:
        """Run it with `text` as its input, and return what it says; what it says of a failure is the error's."""
        result = subprocess.run(self.command(*arguments), input=text, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def succeeds(self, *arguments: str) -> bool:
        """Return whether it ends well."""
        return subprocess.run(self.command(*arguments), capture_output=True, check=False).returncode == 0

    def read(self, *arguments: str) -> Any:
        """Return what it says as JSON."""
        raw = any(argument.startswith("--raw") for argument in arguments)
        return json.loads(self("get", *arguments, *([] if raw else ["--output=json"])))

    def pods(self, name: str) -> list[Any]:
        """Return the pods of a service that are not on their way out."""
        found = self.read("pods", f"--selector=app.kubernetes.io/name={name}")["items"]
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def reachable() -> bool:
    """Return whether there is a kubectl, and a cluster that it reaches."""
    if shutil.which("kubectl") is None:
        return False
    command = ["kubectl", "get", "--raw=/readyz", "--request-timeout=5s"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
