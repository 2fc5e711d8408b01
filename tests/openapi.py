"""Brings the OpenAPI document of the generator to what Envoy takes and gives: python tests/openapi.py < FROM > TO"""

import json
import re
import sys
from typing import Any

_EQUALS = "filter.condition.equals"


def as_served(document: dict[str, Any]) -> dict[str, Any]:
    """Make streams the arrays that they are, and the value of a condition the text that a query can hold."""
    for path in document["paths"].values():
        for call in path.values():
            answer = call["responses"]["200"]
            if "(streaming responses)" in answer["description"]:
                answer["description"] = "A successful response."
                answer["schema"] = {"type": "array", "items": answer["schema"]["properties"]["result"]}
            call["parameters"] = [each for given in call.get("parameters", []) for each in _parameters(given)]
            if not call["parameters"]:
                del call["parameters"]
    return document


def _parameters(given: dict[str, Any]) -> list[dict[str, Any]]:
    if "(streaming inputs)" in given.get("description", ""):
        described = given["description"].removesuffix(" (streaming inputs)")
        return [{**given, "description": described, "schema": {"type": "array", "items": given["schema"]}}]
    if not given["name"].startswith(f"{_EQUALS}."):
        return [given]
    if not given["name"].endswith(".string_value"):
        return []
    return [{**given, "name": _EQUALS, "description": "The value, as text; others are for the body of images:list."}]


if __name__ == "__main__":
    # What the comments say to buf is nobody else's.
    text = re.sub(r"(\\n)*buf:lint:ignore [A-Z_]+", "", sys.stdin.read())
    json.dump(as_served(json.loads(text)), sys.stdout, indent=2, ensure_ascii=False)
    print()
