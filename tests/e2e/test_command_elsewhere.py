"""The stack over a Milvus server and a Redis of somebody else: two settings, nothing else."""

from pathlib import Path

from deploy.local.parts import StackSettings
from deploy.local.ports import Ports
from deploy.local.stack import Stack
from tests.e2e.conftest import Running, write_photos


def test_a_milvus_server_and_another_redis_serve_as_well(
    tmp_path: Path, milvus_server_uri: str, redis_url: str
) -> None:
    photos = write_photos(tmp_path / "album", range(30))
    settings = StackSettings(
        tmp_path / "state",
        Ports.free(),
        milvus_uri=milvus_server_uri,
        redis_url=redis_url,
        # Other suites keep collections there, under another Redis.
        environment={"LIKENESS_SEARCH_SHARED_MILVUS": "true"},
    )
    stack = Stack(settings)
    stack.start()
    try:
        command = Running(stack).command
        assert command.json("index", str(tmp_path / "album"), "-c", "elsewhere")["created"] == 30
        assert command.json("index", str(tmp_path / "album"), "-c", "elsewhere")["unchanged"] == 30
        answer = command.json("search", str(photos[7]), "-c", "elsewhere", "-k", "30")
        for hits in (answer["hits"], *(one["hits"] for one in answer["per_model"])):
            assert hits[0]["uri"] == photos[7].as_uri()
            assert len({hit["image_id"] for hit in hits}) == len(hits) == 30
        command.json("collections", "delete", "elsewhere", "--force")
        assert "redis" not in [part.name for part in stack.status()]
        assert all(part.ready for part in stack.status())
    finally:
        stack.stop()
