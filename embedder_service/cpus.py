"""How many processors this process may use."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def available(cgroups: Path = _CGROUPS, membership: Path = _MEMBERSHIP) -> int:
    """Return the processors that affinity and the container's CPU quota both allow; at least 1.

    A quota of 1.5 counts as 1: two threads would use up a period's time in three quarters of it, and then stall.
    """
    quotas = [int(quota) for folder in _folders(cgroups, membership) for quota in _quota(folder)]
    return max(1, min([len(os.sched_getaffinity(0)), *quotas]))


def _folders(cgroups: Path, membership: Path) -> Iterator[Path]:
    """Yield the folder of this process's cgroup, of either version, and of every one above: each may have a quota."""
    for line in _read(membership).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or "cpu" in controllers.split(","):
            base = cgroups / "cpu" if controllers else cgroups
            group = PurePosixPath(path)
            yield from (base / folder.relative_to("/") for folder in (group, *group.parents))


def _quota(folder: Path) -> Iterator[float]:
    """Yield the quota of one cgroup, in processors, if it has one."""
    quota, _, period = _read(folder / "cpu.max").partition(" ")
    if not quota:
        quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    if quota.strip().isdecimal() and period.strip().isdecimal():  # else "max" (version 2), "-1" (version 1) or no file
        yield int(quota) / int(period)


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
