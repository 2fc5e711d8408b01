"""From the shell, by reflection alone: every public call is listed, described and called, its bytes in base64."""

import base64
import struct
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from embedder_service.inference import open_inference_pb2
from likeness.v1 import embedder_pb2, image_search_pb2
from tests import embedder_images as images
from tests.shell_tools import Shell, buf_curl, grpcurl
from tests.system import System

# The shell does not see which Milvus there is.
pytestmark = pytest.mark.parametrize("likeness", ["lite"], indirect=True)

SERVICES = {
    "gateway": [image_search_pb2.DESCRIPTOR.services_by_name["ImageSearchService"]],
    "embedder": [
        embedder_pb2.DESCRIPTOR.services_by_name["EmbedderService"],
        open_inference_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"],
    ],
}
PICTURES = [images.encode(images.noise(24, 32, seed=seed), "PNG") for seed in range(3)]
IMAGES = [{"content": base64.b64encode(picture).decode()} for picture in PICTURES]
RAW = base64.b64encode(struct.pack("<I", len(PICTURES[0])) + PICTURES[0]).decode()


def gateway_calls(name: str) -> list[tuple[str, list[Any]]]:
    """Return calls with their messages, in an order in which all of them succeed."""
    at = {"collection": name}
    entries = [{"image_id": f"p/{n}", "image": image, "attributes": {"l": "x"}} for n, image in enumerate(IMAGES)]
    return [
        ("ListModels", [{}]),
        ("CreateCollection", [{"collection": {"name": name, "models": ["colour"]}}]),
        ("GetCollection", [{"name": name}]),
        ("ListCollections", [{"page_size": 1}]),
        ("AddModel", [{**at, "model": "shape"}]),
        ("IndexImages", [{**at, "entries": entries[:1]}]),
        ("IngestImages", [{**at, "entry": entry, "item_id": str(n)} for n, entry in enumerate(entries)]),
        ("ActivateModel", [{**at, "model": "shape"}]),
        ("SearchImages", [{**at, "image": IMAGES[0]}]),
        ("CompareModels", [{**at, "image_id": "p/1"}]),
        ("EvaluateModels", [{**at, "label_attribute": "l"}]),
        ("GetImage", [{**at, "image_id": "p/2"}]),
        ("ListImages", [{**at, "page_size": 2}]),
        ("FindDuplicates", [{**at, "model": "colour", "max_distance": 2}]),
        ("RemoveModel", [{**at, "model": "colour", "force": True}]),
        ("DeleteImages", [{**at, "image_ids": ["p/0"]}]),
        ("DeleteCollection", [{"name": name, "force": True}]),
    ]


EMBEDDER_CALLS: list[tuple[str, list[Any]]] = [
    ("ListModels", [{}]),
    ("GetModel", [{"name": "colour"}]),
    ("Embed", [{"images": IMAGES, "models": ["colour"]}]),
    ("StreamEmbed", [{"item_id": str(n), "image": image, "models": ["colour"]} for n, image in enumerate(IMAGES)]),
]
TENSOR = {"name": "image", "datatype": "BYTES", "shape": [1]}
INFERENCE_CALLS: list[tuple[str, list[Any]]] = [
    ("ServerLive", [{}]),
    ("ServerReady", [{}]),
    ("ModelReady", [{"name": "colour"}]),
    ("ServerMetadata", [{}]),
    ("ModelMetadata", [{"name": "colour"}]),
    ("ModelInfer", [{"model_name": "colour", "inputs": [TENSOR], "raw_input_contents": [RAW]}]),
]


@pytest.fixture
def shell(root: Path) -> Shell:
    """Return grpcurl, or `buf curl` where there is no Go to make that."""
    made = grpcurl(root)
    return made if made.program.exists() else buf_curl(root)


async def test_every_public_service_is_listed(shell: Shell, likeness: System) -> None:
    for server, services in SERVICES.items():
        listed = await shell.services(likeness.servers[server].address)
        assert {service.full_name for service in services} < listed
        assert "grpc.health.v1.Health" in listed


async def test_every_public_element_is_described(root: Path, likeness: System) -> None:
    shell = grpcurl(root)
    if not shell.program.exists():
        pytest.skip("grpcurl is not installed: tests/install.sh makes it where Go is there")
    for server, services in SERVICES.items():
        for service in services:
            address = likeness.servers[server].address
            text = await shell.run(["-plaintext", address, "describe", service.full_name])
            for method in service.methods:
                assert f"rpc {method.name} (" in text
                alone = await shell.run(["-plaintext", address, "describe", method.full_name])
                assert f"rpc {method.name} (" in alone
                for message in (method.input_type, method.output_type):
                    described = await shell.run(["-plaintext", address, "describe", message.full_name])
                    assert all(f" {field.name} = {field.number}" in described for field in message.fields)


async def test_every_public_call_can_be_made(shell: Shell, likeness: System) -> None:
    search, embedder, inference = (service for services in SERVICES.values() for service in services)
    plans = [
        (search, likeness.servers["gateway"].address, gateway_calls(f"s{uuid4().hex}")),
        (embedder, likeness.servers["embedder"].address, EMBEDDER_CALLS),
        (inference, likeness.servers["embedder"].address, INFERENCE_CALLS),
    ]
    for service, address, calls in plans:
        answers = {name: await shell.call(address, f"{service.full_name}/{name}", *said) for name, said in calls}
        assert set(answers) == {method.name for method in service.methods}
        assert all(answers.values())
        if service is search:
            best = answers["SearchImages"][0]["hits"][0]
            # One of the tools names fields as JSON does, the other as the contract does.
            assert (best.get("imageId") or best["image_id"]) == "p/0"
            assert len([event for event in answers["IngestImages"] if "result" in event]) == len(IMAGES)
        if service is inference:
            assert answers["ModelInfer"][0]["outputs"][0]["shape"] == ["1", "408"]
