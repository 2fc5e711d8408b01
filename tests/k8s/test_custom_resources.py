"""What the overlays say to cert-manager and KEDA must be in the words of their own definitions, strictly."""

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.k8s.rendered import manifests

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not shutil.which("go"), reason="there is no go, whose modules hold the definitions"),
]
# By API group; the folder in which the module keeps its definitions.
MODULES = {
    "cert-manager.io": ("github.com/cert-manager/cert-manager@v1.21.2", "deploy/crds"),
    "keda.sh": ("github.com/kedacore/keda/v2@v2.21.0", "config/crd/bases"),
}


@cache
def definitions(group: str) -> dict[tuple[str, str], Any]:
    """Return the schemas of a group by version and kind."""
    module, folder = MODULES[group]
    environment = {**os.environ, "GOFLAGS": "-mod=mod"}
    command = ["go", "mod", "download", "-json", module]
    result = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    files = (Path(json.loads(result.stdout)["Dir"]) / folder).glob("*.yaml")
    found = [each for file in files for each in yaml.safe_load_all(file.read_text()) if each]
    return {
        (version["name"], each["spec"]["names"]["kind"]): strict(version["schema"]["openAPIV3Schema"])
        for each in found
        if each["kind"] == "CustomResourceDefinition"
        for version in each["spec"]["versions"]
    }


def strict(schema: Any) -> Any:
    """Return the schema with no other fields than those it names, wherever it names any."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: strict(value) for key, value in schema.items()}
    properties = closed.get("properties")
    if closed.get("type") == "object" and isinstance(properties, dict) and properties:
        closed.setdefault("additionalProperties", "metadata" in properties and "labels" in properties)
    return closed


@pytest.mark.parametrize("overlay", ["production", "gpu"])
@pytest.mark.parametrize("group", MODULES)
def test_custom_resources_are_in_the_words_of_their_definitions(overlay: str, group: str) -> None:
    found = [each for each in manifests(overlay) if each["apiVersion"].startswith(f"{group}/")]
    for each in found:
        schema = definitions(group)[each["apiVersion"].partition("/")[2], each["kind"]]
        jsonschema.validate(each, schema)
    assert found
