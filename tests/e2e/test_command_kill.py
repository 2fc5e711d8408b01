"""kill -9 of each service while `likeness index` runs."""

from pathlib import Path

import grpc
import pytest

from deploy.local.process import wait_until
from likeness.errors import LikenessError
from likeness.message_client import MessageClient
from likeness.v1 import image_search_pb2 as pb
from likeness.v1 import image_search_pb2_grpc
from tests.e2e.conftest import Running, running_stack, write_photos

COUNT = 300
KILL_AT = 40


def indexed(client: MessageClient, collection: str) -> int:
    """Return how many images there are so far; none while something is away."""
    try:
        return int(client.collection(collection).image_count)
    except LikenessError:
        return 0


def listed(running: Running, collection: str) -> list[str]:
    """Return every id of a collection, page by page."""
    ids: list[str] = []
    token = ""
    with grpc.insecure_channel(running.command.address) as channel:
        stub = image_search_pb2_grpc.ImageSearchServiceStub(channel)
        while True:
            page = stub.ListImages(pb.ListImagesRequest(collection=collection, page_size=70, page_token=token))
            ids += [image.image_id for image in page.images]
            if not (token := page.next_page_token):
                return ids


@pytest.mark.parametrize("victim", ["embedder", "search", "gateway"])
def test_the_same_command_again_ends_complete(tmp_path: Path, victim: str) -> None:
    album = tmp_path / "album"
    write_photos(album, range(COUNT))
    with running_stack(tmp_path / "state") as running, MessageClient(running.command.address) as client:
        first = running.command.start("index", str(album), "--batch-size", "4", "--concurrency", "2")
        assert wait_until(lambda: indexed(client, "photos") >= KILL_AT, 60)
        running.stack.kill(victim)
        assert first.poll() is None, "the command ended before the kill: there are too few pictures"
        running.stack.start_part(victim)
        _, messages = first.communicate(timeout=120)
        assert first.returncode == 0, f"the command waits for a service that comes back: {messages}"
        again = running.command.json("index", str(album))
        assert again["created"] + again["updated"] + again["unchanged"] == COUNT
        assert again["refused"] == []
        assert indexed(client, "photos") == COUNT
        ids = listed(running, "photos")
        assert len(set(ids)) == len(ids) == COUNT
        answer = running.command.json("search", "--id", ids[0], "-k", "1000")
        for hits in (answer["hits"], *(own["hits"] for own in answer["per_model"])):
            assert sorted(hit["image_id"] for hit in hits) == sorted(ids)
        assert running.command.json("index", str(album))["unchanged"] == COUNT
