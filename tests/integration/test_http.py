"""Every call of the gateway over HTTP/JSON, through the proxy that deploy/http configures."""

import asyncio
import base64
import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from google.api import annotations_pb2

from likeness.v1 import image_search_pb2
from tests import embedder_images as images
from tests.envoy import Http, envoy_to
from tests.proxy import proxy_to
from tests.system import System

# The proxy does not see which Milvus there is.
pytestmark = pytest.mark.parametrize("likeness", ["lite"], indirect=True)

PNGS = [base64.b64encode(images.encode(images.noise(24, 32, seed=seed), "PNG")).decode() for seed in range(4)]
IDS = ["sku:1/a.b", "p/2", "p/3@x", "4"]
ENTRIES = [
    {"image_id": image_id, "image": {"content": png}, "attributes": {"n": n}}
    for n, (image_id, png) in enumerate(zip(IDS, PNGS, strict=True))
]


@pytest.fixture
async def http(likeness: System, root: Path, tmp_path: Path) -> AsyncIterator[Http]:
    async with envoy_to(likeness.servers["gateway"].address, root, tmp_path) as caller:
        yield caller


async def ok(http: Http, method: str, path: str, body: Any = None) -> Any:
    answer = await http(method, path, body)
    assert answer.status == 200, answer
    return answer.body


async def test_every_call_of_the_gateway_has_its_route(http: Http) -> None:
    name = f"h{uuid4().hex}"
    at, seen = f"/v1/collections/{name}", set()

    async def call(rpc: str, method: str, path: str, body: Any = None) -> Any:
        seen.add(rpc)
        return await ok(http, method, path, body)

    models = (await call("ListModels", "GET", "/v1/models"))["models"]
    assert {model["name"] for model in models} >= {"colour", "shape"}
    made = await call("CreateCollection", "POST", "/v1/collections", {"name": name, "models": ["colour"]})
    assert (made["collection"]["metric"], made["collection"]["image_count"]) == ("METRIC_L2", "0")
    assert (await call("GetCollection", "GET", at))["collection"] == made["collection"]
    listed = await call("ListCollections", "GET", "/v1/collections?page_size=1000")
    assert made["collection"] in listed["collections"]
    results = (await call("IndexImages", "POST", f"{at}/images:index", {"entries": ENTRIES[:2]}))["results"]
    assert [result["outcome"] for result in results] == ["OUTCOME_CREATED"] * 2
    messages = [{"collection": name, "entry": entry, "item_id": entry["image_id"]} for entry in ENTRIES[2:]]
    events = await call("IngestImages", "POST", "/v1/images:ingest", messages)
    assert {event["item_id"] for event in events if "result" in event} == set(IDS[2:])
    found = await call("SearchImages", "POST", f"{at}/images:search", {"image": {"content": PNGS[2]}, "top_k": 2})
    assert [hit["rank"] for hit in found["hits"]] == [1, 2]
    assert found["hits"][0]["image_id"] == IDS[2]
    for image_id in (*IDS, "p%2F2", "sku%3A1%2Fa.b", "p/3%40x"):
        record = (await call("GetImage", "GET", f"{at}/images/{image_id}"))["image"]
        assert record["width_px"] == 32
    page = await call("ListImages", "GET", f"{at}/images?page_size=3")
    assert [image["image_id"] for image in page["images"]] == sorted(IDS)[:3]
    filtered = {"filter": {"condition": {"attribute": "n", "range": {"gte": 2}}}}
    assert len((await call("ListImages", "POST", f"{at}/images:list", filtered))["images"]) == 2
    added = await call("AddModel", "POST", f"{at}/models", {"model": "shape"})
    assert added["collection"]["bindings"][1]["state"] == "STATE_BUILDING"
    await ok(http, "POST", f"{at}/images:index", {"entries": ENTRIES})
    await call("ActivateModel", "POST", f"{at}/models/shape:activate", {})
    compared = await call("CompareModels", "POST", f"{at}/models:compare", {"image_id": IDS[0]})
    assert len(compared["agreements"]) == 1
    same = [{**entry, "attributes": {"label": "x"}} for entry in ENTRIES]
    await ok(http, "POST", f"{at}/images:index", {"entries": same})
    evaluated = await call("EvaluateModels", "POST", f"{at}/models:evaluate", {"label_attribute": "label"})
    assert evaluated["labelled_count"] == "4"
    groups = await call("FindDuplicates", "GET", f"{at}/images:findDuplicates?model=shape&max_distance=2")
    assert [sorted(group["image_ids"]) for group in groups] == [sorted(IDS)]
    await call("RemoveModel", "DELETE", f"{at}/models/colour?force=true")
    deleted = await call("DeleteImages", "POST", f"{at}/images:delete", {"image_ids": [IDS[3], "none"]})
    assert deleted == {"deleted_count": "1", "missing_ids": ["none"]}
    assert await call("DeleteCollection", "DELETE", f"{at}?force=true") == {}
    service = image_search_pb2.DESCRIPTOR.services_by_name["ImageSearchService"]
    assert seen == {method.name for method in service.methods}


def error_of(body: Any) -> tuple[int, str, list[str]]:
    details = {detail["@type"].rpartition(".")[2]: detail for detail in body["details"]}
    violations = details.get("BadRequest", {}).get("field_violations", [])
    assert details["ErrorInfo"]["domain"] == "likeness"
    return body["code"], details["ErrorInfo"]["reason"], [violation["field"] for violation in violations]


def test_the_openapi_document_is_that_of_the_contract(root: Path, tmp_path: Path, likeness: System) -> None:
    if not (root / ".tools" / "go" / "bin" / "protoc-gen-openapiv2").exists():
        pytest.skip("protoc-gen-openapiv2 is not installed: tests/install.sh makes it where Go is there")
    subprocess.run([str(root / "tests" / "openapi.sh"), str(tmp_path / "openapi.json")], check=True)
    committed = (root / "deploy" / "http" / "openapi.json").read_text()
    assert committed == (tmp_path / "openapi.json").read_text(), "run: make protos"
    operations = [call["operationId"] for path in json.loads(committed)["paths"].values() for call in path.values()]
    service = image_search_pb2.DESCRIPTOR.services_by_name["ImageSearchService"]
    assert {operation.rstrip("2") for operation in operations} == {method.name for method in service.methods}


async def test_errors_come_as_a_status_with_its_details(http: Http) -> None:
    name = f"h{uuid4().hex}"
    await ok(http, "POST", "/v1/collections", {"name": name, "models": ["shape"]})
    at = f"/v1/collections/{name}"
    cases: list[tuple[Any, int, Any]] = [
        (("GET", "/v1/collections/none"), 404, (5, "COLLECTION_NOT_FOUND", [])),
        (("POST", "/v1/collections", {"name": name}), 409, (6, "COLLECTION_EXISTS", [])),
        (
            ("POST", f"{at}/images:search", {"image": {"content": base64.b64encode(b"text").decode()}}),
            400,
            (3, "IMAGE_UNDECODABLE", ["image.content"]),
        ),
        (("POST", f"{at}/images:search", {"image_id": "x", "top_k": 1001}), 400, (3, "INVALID_FIELD", ["top_k"])),
    ]
    for call, status, expected in cases:
        answer = await http(*call)
        assert (answer.status, error_of(answer.body)) == (status, expected)
    late = await http("GET", "/v1/models", None, grpc_timeout="1n")
    assert late.status == 504
    await ok(http, "DELETE", f"{at}?force=true")


async def test_what_has_no_route_is_refused(http: Http) -> None:
    """By the proxy itself, which knows the contract."""
    assert (await http("GET", "/v1/nothing")).status == 404
    assert (await http("PUT", "/v1/collections")).status in {404, 405}
    assert (await http("GET", "/v1/models?nothing=1")).status == 400


def bindings() -> Iterator[tuple[str, str, str]]:
    """Yield each name that a route has for a field of the request in its path, with the method and such a path."""
    for call in image_search_pb2.DESCRIPTOR.services_by_name["ImageSearchService"].methods:
        rule = call.GetOptions().Extensions[annotations_pb2.http]
        for route in (rule, *rule.additional_bindings):
            verb = route.WhichOneof("pattern")
            path = str(getattr(route, verb))
            for name in re.findall(r"{(\w+)", path):
                for field in {name, call.input_type.fields_by_name[name].json_name}:
                    yield verb.upper(), re.sub("{.*?}", "none", path), field


async def test_nothing_names_a_field_of_the_path_again(http: Http) -> None:
    """Else a request for one collection would delete another."""
    refused = (400, str)
    for method, path, field in bindings():
        body: Any = None if method in {"GET", "DELETE"} else {}
        escaped = f"%{ord(field[0]):x}{field[1:]}"
        for name in (field, f"page_size=1&{field}", escaped, f".{field}", f"{field}.", f"&{field}", f"=&{field}"):
            answer = await http(method, f"{path}?{name}=other", body)
            assert (answer.status, type(answer.body)) == refused, (method, path, name, answer)
        if body is not None:
            answer = await http(method, path, {field: "other"})
            assert (answer.status, type(answer.body)) == refused, (method, path, field, answer)


async def test_an_error_that_ends_a_stream_is_an_item_without_a_result(http: Http) -> None:
    """The answer has begun by then: its status is 200, and what follows has no place in JSON."""
    for message in ({"collection": "none", "entry": ENTRIES[0], "item_id": "x"}, {"entry": ENTRIES[0], "item_id": "x"}):
        answer = await http("POST", "/v1/images:ingest", [message])
        assert answer.status == 200
        assert [set(event) - {"item_id"} for event in answer.body] == [{"backoff"}], answer


async def test_a_filter_of_the_query_is_an_attribute_and_its_value(http: Http) -> None:
    name = f"h{uuid4().hex}"
    await ok(http, "POST", "/v1/collections", {"name": name, "models": ["colour"]})
    at = f"/v1/collections/{name}/images"
    coloured = [
        {**entry, "attributes": {"c": c, "n": n}} for n, (entry, c) in enumerate(zip(ENTRIES, "rgrb", strict=True))
    ]
    await ok(http, "POST", f"{at}:index", {"entries": coloured})
    for query, expected in {
        "attribute=c&filter.condition.equals=r": [IDS[0], IDS[2]],
        "attribute=n&filter.condition.range.gte=2": IDS[2:],
        "attribute=none&filter.condition.exists=false": IDS,
        # Always text: a number is for the body of images:list.
        "attribute=n&filter.condition.equals=2": [],
    }.items():
        page = await ok(http, "GET", f"{at}?filter.condition.{query}")
        assert [image["image_id"] for image in page["images"]] == sorted(expected), query
    await ok(http, "DELETE", f"/v1/collections/{name}?force=true")


async def test_an_id_that_ends_like_a_path_is_escaped(http: Http) -> None:
    name = f"h{uuid4().hex}"
    await ok(http, "POST", "/v1/collections", {"name": name, "models": ["colour"]})
    at = f"/v1/collections/{name}/images"
    entries = [{**ENTRIES[0], "image_id": image_id} for image_id in ("x/", "x:list")]
    await ok(http, "POST", f"{at}:index", {"entries": entries})
    assert (await ok(http, "GET", f"{at}/x%2F"))["image"]["image_id"] == "x/"
    assert (await ok(http, "GET", f"{at}/x%3Alist"))["image"]["image_id"] == "x:list"
    assert {(await http("GET", f"{at}/{plain}")).status for plain in ("x/", "x:list")} == {404}
    await ok(http, "DELETE", f"/v1/collections/{name}?force=true")


async def test_a_gateway_that_was_lost_for_a_moment_is_asked_again(
    likeness: System, root: Path, tmp_path: Path
) -> None:
    host, _, port = likeness.servers["gateway"].address.rpartition(":")
    async with (
        proxy_to(host, int(port)) as proxy,
        envoy_to(f"127.0.0.1:{proxy.port}", root, tmp_path) as http,
    ):
        await ok(http, "GET", "/v1/models")
        await proxy.cut()
        await ok(http, "GET", "/v1/models")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
async def test_the_calls_of_the_readme_work(http: Http, root: Path, tmp_path: Path) -> None:
    text = (root / "README.md").read_text()
    (block,) = re.findall(r"```sh\n([^`]*curl -d @-.*?)```", text, flags=re.DOTALL)
    assert block.count("127.0.0.1:8080") == 2
    (tmp_path / "photo.jpg").write_bytes(base64.b64decode(PNGS[0]))
    await ok(http, "POST", "/v1/collections", {"name": "shop", "models": ["colour"]})
    await ok(http, "POST", "/v1/collections/shop/images:index", {"entries": [{**ENTRIES[0], "image_id": "sku/4711"}]})
    script = 'curl() { command curl --silent --fail-with-body "$@"; }\n' + block.replace(
        "127.0.0.1:8080", f"127.0.0.1:{http.port}"
    )
    run = partial(
        subprocess.run, ["/bin/bash", "-e", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    done = await asyncio.to_thread(run)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count('"sku/4711"') >= 2
    await ok(http, "DELETE", "/v1/collections/shop?force=true")
