"""The shipped service config in channels of other languages: it retries, gives calls a time limit and balances.

Not in Rust: tonic reads no service config.
"""

import uuid
from pathlib import Path
from typing import Any

import grpc
import pytest

from likeness.v1 import image_search_pb2 as pb
from likeness.v1 import image_search_pb2_grpc, types_pb2
from tests.conftest import ROOT
from tests.interop.clients import LANGUAGES, running
from tests.interop.interposer import Attempt, interposed
from tests.interop.site import Site

pytestmark = pytest.mark.interop

CONFIG = (ROOT / "protos" / "likeness" / "v1" / "likeness_grpc_service_config.json").read_text()
CONFIGURED = [language for language in LANGUAGES if language != "rust"]
# The same, with a limit that a test can wait for: in whole seconds, since grpc-js misreads parts of them.
HASTY_CONFIG = CONFIG.replace('"30s"', '"1s"')
WRITE = "/likeness.v1.ImageSearchService/IndexImages"


@pytest.mark.parametrize("language", CONFIGURED)
async def test_a_reply_that_is_lost_is_asked_for_again_and_the_write_is_done_once(
    language: str, site: Site, pictures: Path
) -> None:
    picture = {"image_id": f"retried-{language}", "photo": str(pictures / f"{language}.png")}
    write = {"collection": "album", "request_id": str(uuid.uuid4()), "images": [picture]}
    async with interposed(site.addresses["gateway"]) as between, running(language) as client:
        between.to_lose = 1
        command = {"addresses": [between.address], "service_config": CONFIG}
        said = await client.perform({"call": "IndexImages", "with": write, **command})
        assert said["ok"]["results"] == [{"image_id": picture["image_id"], "outcome": "OUTCOME_CREATED"}], said
        assert said["attempts"] == 1, "the channel tried again, not the client"
        assert between.seen == [Attempt(WRITE, 0), Attempt(WRITE, 1)]
        look = {"collection": "album", "image_id": picture["image_id"]}
        found = await client.perform({"call": "GetImage", "with": look, **command})
        assert found["ok"]["written_once"] is True


async def test_without_the_config_a_reply_that_is_lost_is_an_error(site: Site) -> None:
    async with interposed(site.addresses["gateway"]) as between, running("go") as client:
        between.to_lose = 1
        look = {"collection": "album", "image_id": "3"}
        said = await client.perform({"call": "GetImage", "with": look, "addresses": [between.address]})
        assert said["error"]["code"] == "UNAVAILABLE"


@pytest.mark.parametrize("language", CONFIGURED)
async def test_calls_are_spread_over_all_addresses(language: str, site: Site) -> None:
    listing = {"call": "ListImages", "with": {"collection": "album", "page_size": 1}}
    gateway = site.addresses["gateway"]
    async with interposed(gateway) as one, interposed(gateway) as other, running(language) as client:
        listing["addresses"] = [one.address, other.address]
        await client.perform(listing)
        assert 0 in {len(one.seen), len(other.seen)}, "gRPC itself takes the first address"
        before = len(one.seen), len(other.seen)
        await client.perform({**listing, "service_config": CONFIG})
        assert min(len(one.seen) - before[0], len(other.seen) - before[1]) >= 3


@pytest.mark.parametrize("language", CONFIGURED)
async def test_a_call_without_a_deadline_has_that_of_the_config(language: str, site: Site) -> None:
    """C++ and Ruby keep it themselves and do not tell the server of it; gRPC 1.51 may count it two seconds short."""
    async with interposed(site.addresses["gateway"]) as between, running(language) as client:
        between.hold()
        command = {"addresses": [between.address], "service_config": HASTY_CONFIG}
        said = await client.perform({"call": "GetImage", "with": {"collection": "album", "image_id": "3"}, **command})
        assert said["error"]["code"] == "DEADLINE_EXCEEDED"


async def test_the_same_in_python(site: Site, pictures: Path) -> None:
    image = types_pb2.Image(content=(pictures / "python.png").read_bytes())
    entry = pb.ImageEntry(image_id="retried-python", image=image)
    write = pb.IndexImagesRequest(collection="album", entries=[entry], request_id=str(uuid.uuid4()))
    async with (
        interposed(site.addresses["gateway"]) as between,
        grpc.aio.insecure_channel(between.address, options=[("grpc.service_config", CONFIG)]) as channel,
    ):
        between.to_lose = 1
        stub: Any = image_search_pb2_grpc.ImageSearchServiceStub(channel)
        assert [result.outcome for result in (await stub.IndexImages(write)).results] == [
            pb.IndexResult.OUTCOME_CREATED
        ]
        assert between.seen == [Attempt(WRITE, 0), Attempt(WRITE, 1)]
        found = (await stub.GetImage(pb.GetImageRequest(collection="album", image_id="retried-python"))).image
        assert found.create_time == found.update_time
    async with interposed(site.addresses["gateway"]) as between:
        between.hold()
        options = [("grpc.service_config", HASTY_CONFIG)]
        async with grpc.aio.insecure_channel(between.address, options=options) as channel:
            stub = image_search_pb2_grpc.ImageSearchServiceStub(channel)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await stub.GetImage(pb.GetImageRequest(collection="album", image_id="3"))
            assert refused.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
