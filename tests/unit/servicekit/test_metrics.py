"""What is counted of calls of parts, and that few reasons are told apart."""

import asyncio

import pytest

from servicekit.errors import BackendUnavailable, NotFound
from servicekit.metrics import Metrics
from servicekit.observed import observed


def value(metrics: Metrics, name: str, **labels: str) -> float:
    return metrics.registry.get_sample_value(name, labels) or 0.0


class Store:
    name = "store"

    async def read(self, key: str) -> str:
        if key == "gone":
            raise NotFound("gone")
        if key == "away":
            raise BackendUnavailable("away")
        if key == "broken":
            raise ValueError("secret")
        return key

    def size(self) -> int:
        return 3


async def test_calls_of_a_part_are_counted_timed_and_told() -> None:
    metrics, heard = Metrics(), list[str]()
    store = observed(Store(), "store", metrics, {"read": heard.append})
    assert [await store.read("a"), await store.read("b")] == ["a", "b"]
    assert heard == ["a", "b"]
    assert value(metrics, "likeness_part_seconds_count", part="store", operation="read") == 2
    assert value(metrics, "likeness_part_calls_in_flight", part="store") == 0
    assert (store.size(), store.name) == (3, "store")


@pytest.mark.parametrize(
    ("key", "error", "reason"),
    [
        ("gone", NotFound, "NOT_FOUND"),
        ("away", BackendUnavailable, "BACKEND_UNAVAILABLE"),
        ("broken", ValueError, "INTERNAL"),
    ],
)
async def test_errors_of_a_part_are_counted_by_reason_and_raised(key: str, error: type[Exception], reason: str) -> None:
    metrics = Metrics()
    with pytest.raises(error):
        await observed(Store(), "store", metrics).read(key)
    assert value(metrics, "likeness_part_errors_total", part="store", operation="read", reason=reason) == 1


async def test_a_call_that_is_given_up_is_no_longer_in_flight() -> None:
    class Slow:
        async def read(self) -> None:
            await asyncio.Event().wait()

    metrics = Metrics()
    task = asyncio.create_task(observed(Slow(), "slow", metrics).read())
    await asyncio.sleep(0)
    assert value(metrics, "likeness_part_calls_in_flight", part="slow") == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert value(metrics, "likeness_part_calls_in_flight", part="slow") == 0
    assert value(metrics, "likeness_part_errors_total", part="slow", operation="read", reason="CANCELLED") == 1


def test_however_many_reasons_come_few_are_told_apart() -> None:
    metrics = Metrics()
    for i in range(1000):
        metrics.rpc("S/M", "UNAVAILABLE", f"REASON_{i}", 0.1)
    (errors,) = (family for family in metrics.registry.collect() if family.name == "likeness_rpc_errors")
    told = {sample.labels["reason"] for sample in errors.samples if sample.name.endswith("_total")}
    assert len(told) == 65
    assert value(metrics, "likeness_rpc_errors_total", method="S/M", reason="OTHER") == 1000 - 64
