"""Processors are counted by what the container may use."""

import os
from pathlib import Path

import pytest

from embedder_service import cpus

AFFINITY = len(os.sched_getaffinity(0))


def available(tmp_path: Path, membership: str, files: dict[str, str]) -> int:
    (tmp_path / "membership").write_text(membership)
    for name, text in files.items():
        path = tmp_path / "cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return cpus.available(tmp_path / "cgroup", tmp_path / "membership")


@pytest.mark.parametrize(
    ("membership", "files"),
    [
        ("0::/\n", {"cpu.max": "100000 100000\n"}),
        ("0::/\n", {"cpu.max": "50000 100000\n"}),
        ("0::/pod/container\n", {"pod/container/cpu.max": "150000 100000\n"}),
        ("0::/pod/container\n", {"pod/cpu.max": "100000 100000\n", "pod/container/cpu.max": "max 100000\n"}),
        ("4:cpu,cpuacct:/\n0::/\n", {"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}),
        ("4:cpu:/docker/x\n", {"cpu/docker/cpu.cfs_quota_us": "120000\n", "cpu/docker/cpu.cfs_period_us": "100000\n"}),
    ],
    ids=["one", "half", "one and a half", "of the pod", "version 1", "version 1, above"],
)
def test_a_quota_is_kept_to(tmp_path: Path, membership: str, files: dict[str, str]) -> None:
    assert available(tmp_path, membership, files) == 1


@pytest.mark.parametrize(
    ("membership", "files"),
    [
        ("0::/\n", {"cpu.max": "max 100000\n"}),
        ("0::/\n", {"cpu.max": "999900000 100000\n"}),
        ("4:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}),
        ("4:memory:/\n", {"cpu/cpu.cfs_quota_us": "100000\n", "cpu/cpu.cfs_period_us": "100000\n"}),
        ("0::/elsewhere\n", {"other/cpu.max": "100000 100000\n"}),
        ("0::/\n", {}),
        ("", {}),
    ],
    ids=["none", "more than there are", "version 1, none", "not of cpu", "of another group", "no file", "no cgroup"],
)
def test_without_a_quota_affinity_counts(tmp_path: Path, membership: str, files: dict[str, str]) -> None:
    assert available(tmp_path, membership, files) == AFFINITY


def test_this_machine_has_processors() -> None:
    assert 1 <= cpus.available() <= AFFINITY
