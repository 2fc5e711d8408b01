"""Writers, deleters and searchers at work on the same few images at once, on either Milvus."""

import asyncio
import hashlib
import random
import secrets
from dataclasses import dataclass, field
from functools import cache

from google.rpc import code_pb2

from likeness.v1 import image_search_pb2, types_pb2
from tests.integration.test_system_search import photo
from tests.system import System

PICTURES = 24
IDS = [f"image-{number}" for number in range(12)]
ALWAYS_THERE = "always-there"
picture = cache(photo)


def entry(image_id: str, seed: int) -> image_search_pb2.ImageEntry:
    return image_search_pb2.ImageEntry(image_id=image_id, image=types_pb2.Image(content=picture(seed)))


@dataclass
class Crowd:
    """Everybody who is at work on one collection."""

    likeness: System
    collection: str
    done: asyncio.Event = field(default_factory=asyncio.Event)

    async def index(self, *entries: image_search_pb2.ImageEntry) -> None:
        """Write; another write that won is the one thing that may go wrong."""
        request = image_search_pb2.IndexImagesRequest(collection=self.collection, entries=entries)
        results = (await self.likeness.gateway.IndexImages(request)).results
        assert {result.error.code for result in results} <= {code_pb2.OK, code_pb2.ABORTED}

    async def search(self, seed: int) -> list[list[types_pb2.Hit]]:
        """Search for everything with one picture; return each model's list and the fused one."""
        request = image_search_pb2.SearchImagesRequest(
            collection=self.collection, image=types_pb2.Image(content=picture(seed)), top_k=1000
        )
        response = await self.likeness.gateway.SearchImages(request)
        return [list(response.hits), *(list(hits.hits) for hits in response.per_model)]

    async def write_and_delete(self, seed: int) -> None:
        choose = random.Random(seed)
        for _ in range(25):
            if choose.random() < 0.25:
                ids = choose.sample(IDS, 2)
                request = image_search_pb2.DeleteImagesRequest(collection=self.collection, image_ids=ids)
                await self.likeness.gateway.DeleteImages(request)
            else:
                await self.index(*(entry(i, choose.randrange(PICTURES)) for i in choose.sample(IDS, 3)))

    async def replace_over_and_over(self) -> None:
        seed = 0
        while not self.done.is_set():
            seed = (seed + 1) % PICTURES
            await self.index(entry(ALWAYS_THERE, seed))

    async def watch(self, seed: int) -> None:
        while not self.done.is_set():
            for hits in await self.search(seed):
                ids = [hit.image_id for hit in hits]
                assert len(ids) == len(set(ids)), "an image stands twice in one list"
                assert ALWAYS_THERE in ids, "an image that is being replaced is missing"


async def test_no_image_is_doubled_lost_or_stale(likeness: System) -> None:
    crowd = Crowd(likeness, f"races-{secrets.token_hex(4)}")
    made = image_search_pb2.Collection(name=crowd.collection)
    await likeness.gateway.CreateCollection(image_search_pb2.CreateCollectionRequest(collection=made))
    await crowd.index(entry(ALWAYS_THERE, 0))
    async with asyncio.TaskGroup() as bystanders:
        bystanders.create_task(crowd.replace_over_and_over())
        bystanders.create_task(crowd.watch(3))
        await asyncio.gather(*(crowd.write_and_delete(seed) for seed in range(4)))
        crowd.done.set()
    await every_list_is_the_listing(crowd)
    deletion = image_search_pb2.DeleteCollectionRequest(name=crowd.collection, force=True)
    await likeness.gateway.DeleteCollection(deletion)


async def every_list_is_the_listing(crowd: Crowd) -> None:
    """Each live image is in every list once, and at no distance from the content that its record names."""
    request = image_search_pb2.ListImagesRequest(collection=crowd.collection, page_size=1000)
    listed = (await crowd.likeness.gateway.ListImages(request)).images
    seeds = {hashlib.sha256(picture(seed)).hexdigest(): seed for seed in range(PICTURES)}
    assert ALWAYS_THERE in {image.image_id for image in listed}
    for image in listed:
        for hits in await crowd.search(seeds[image.content_sha256]):
            distances = {hit.image_id: hit.distance for hit in hits}
            assert distances.keys() == {other.image_id for other in listed}
            assert distances[image.image_id] < 1e-3
