"""The OpenAPI document says what Envoy takes and gives, where its generator says otherwise."""

import json
from pathlib import Path


def test_the_openapi_document_has_streams_as_arrays_and_the_value_of_a_filter_as_text(root: Path) -> None:
    paths = json.loads((root / "deploy" / "http" / "openapi.json").read_text())["paths"]
    ingest = paths["/v1/images:ingest"]["post"]
    duplicates = paths["/v1/collections/{collection}/images:findDuplicates"]["get"]
    shapes = [ingest["parameters"][0], ingest["responses"]["200"], duplicates["responses"]["200"]]
    assert [shape["schema"]["type"] for shape in shapes] == ["array"] * 3
    listed = paths["/v1/collections/{collection}/images"]["get"]["parameters"]
    equals = [(each["name"], each["type"]) for each in listed if "equals" in each["name"]]
    assert equals == [("filter.condition.equals", "string")]
