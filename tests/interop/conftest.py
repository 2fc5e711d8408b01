"""One stack for all clients."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest

import gateway.app
from gateway.settings import GatewaySettings
from likeness.v1 import image_search_pb2 as pb
from likeness.v1 import search_pb2_grpc, types_pb2
from tests.e2e.conftest import running_stack
from tests.interop import photos
from tests.interop.clients import LANGUAGES
from tests.interop.site import Site
from tests.serving import serving

READER_TOKEN = "a-token-of-a-reader"
_SETTINGS = {
    # The lease is the tests'.
    "LIKENESS_SEARCH_SWEEP_INTERVAL_SECONDS": "3600",
    "LIKENESS_SEARCH_LEASE_SECONDS": "1",
    # So slow that a reconcile outlasts its lease.
    "LIKENESS_SEARCH_MAINTENANCE_ROWS_PER_SECOND": "5",
}


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pictures that the table names."""
    directory = tmp_path_factory.mktemp("photos")
    photos.write(directory, [*LANGUAGES, "python"])
    return directory


@pytest.fixture(scope="session")
async def site(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> AsyncIterator[Site]:
    """The stack, with an album of ten, and a collection whose vectors are of another version of `shape`."""
    readable = {"LIKENESS_EMBEDDER_URI_PREFIXES": f"file://{pictures}/"}
    with running_stack(tmp_path_factory.mktemp("stack"), **_SETTINGS, **readable) as running:
        ports = running.stack.settings.ports
        addresses = {name: ports.address(name) for name in ("gateway", "embedder", "search")}
        tokens = tmp_path_factory.mktemp("tokens") / "tokens.toml"
        tokens.write_text(f'[[token]]\nname = "shop"\nrole = "reader"\ntoken = "{READER_TOKEN}"\n')
        async with (
            serving(
                gateway.app.build, gateway_settings(addresses, max_in_flight=1, default_deadline_seconds=1)
            ) as crowded,
            serving(gateway.app.build, gateway_settings(addresses, tokens_file=tokens)) as guarded,
        ):
            await crowded.ready()
            await guarded.ready()
            made = Site(running.stack, addresses | {"crowded": crowded.address, "guarded": guarded.address})
            await _fill(made, pictures)
            yield made


def gateway_settings(addresses: dict[str, str], **settings: Any) -> GatewaySettings:
    """Return the settings of one more gateway before the same services."""
    here: dict[str, Any] = {"port": 0, "health_port": 0, "metrics_port": 0, "drain_seconds": 0, "grace_seconds": 0}
    behind = {"embedder_address": addresses["embedder"], "search_address": addresses["search"]}
    return GatewaySettings(**here | behind | settings)


async def _fill(site: Site, pictures: Path) -> None:
    images = [(str(i), types_pb2.Image(content=(pictures / f"{i}.png").read_bytes())) for i in range(10)]
    entries = [pb.ImageEntry(image_id=image_id, image=image) for image_id, image in images]
    async with site.gateway() as stub, grpc.aio.insecure_channel(site.addresses["search"]) as channel:
        await stub.CreateCollection(pb.CreateCollectionRequest(collection=pb.Collection(name="album")))
        await stub.IndexImages(pb.IndexImagesRequest(collection="album", entries=entries))
        outdated = pb.Collection(name="outdated")
        outdated.bindings.add(model="shape", fingerprint="another", dimension=325)
        search: Any = search_pb2_grpc.SearchServiceStub(channel)
        await search.CreateCollection(pb.CreateCollectionRequest(collection=outdated))
