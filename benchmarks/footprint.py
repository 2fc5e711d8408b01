"""What is occupied: memory by process, and what Milvus and Redis store."""

from dataclasses import dataclass
from pathlib import Path

import psutil
import redis

from benchmarks.running import Running

# What lasts, of all that Milvus writes: its log of inserts and its etcd are cut from time to time.
_STORED = ("insert_log", "delta_log", "stats_log", "index_files")


@dataclass(frozen=True)
class Footprint:
    """Bytes."""

    milvus_resident: int
    milvus_stored: int
    search_resident: int
    redis_resident: int
    redis_used: int


def footprint(running: Running) -> Footprint:
    """Return what is occupied now."""
    with redis.Redis.from_url(running.redis_url) as client:
        used = int(client.info("memory")["used_memory"])
    stored = sum(_size(running.milvus_data / "data" / folder) for folder in _STORED)
    return Footprint(_resident("milvus"), stored, _resident("search_service"), _resident("redis-server"), used)


def _resident(program: str) -> int:
    """Return the resident bytes of those processes of ours that run a program."""
    children = psutil.Process().children(recursive=True)
    ours = (child for child in children if program in {child.name(), *child.cmdline()[:3]})
    return sum(int(child.memory_info().rss) for child in ours)


def _size(folder: Path) -> int:
    """Return the bytes of all files below a folder; those that go meanwhile count as gone."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
