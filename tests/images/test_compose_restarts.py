"""Parts of the stack that go and come back under 20 calls a second, by a caller with the shipped retry policy."""

import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.images import containers
from tests.images.containers import Project, docker, eventually_healthy, inspect, version
from tests.images.load_of import calls

pytestmark = pytest.mark.long
SERVICES = ("embedder", "search", "gateway")
SHARE = (0.2, 0.3)
# The default of max_connection_age_seconds, and a tenth more.
AGE_SECONDS = 50


@pytest.mark.parametrize("service", SERVICES)
def test_a_rolling_restart_is_not_noticed(stack: Project, service: str) -> None:
    with calls(stack) as made:
        for container in stack.containers(service):
            docker("restart", "--time", "40", container)
            eventually_healthy(container)
            assert inspect(container)["State"]["OOMKilled"] is False
    assert made.calls > 100
    assert made.errors == []


@pytest.mark.parametrize("store", ["redis", "milvus"])
def test_a_store_that_restarts_costs_no_more_than_calls_that_may_be_repeated(stack: Project, store: str) -> None:
    (container,) = stack.containers(store)
    with calls(stack) as made:
        docker("restart", container)
        eventually_healthy(container)
        for service in stack.containers("search"):
            eventually_healthy(service)
    assert all(" UNAVAILABLE " in error or " DEADLINE_EXCEEDED " in error for error in made.errors)
    with calls(stack) as after:
        await_calls(stack.containers("embedder")[0])
    assert after.errors == []


def test_the_death_of_an_embedder_is_not_noticed(stack: Project) -> None:
    victim = stack.containers("embedder")[0]
    before = inspect(victim)["RestartCount"]
    with calls(stack) as made:
        for _ in range(3):
            kill(victim)
            before += 1
            back(victim, before)
            eventually_healthy(victim)
        # It takes calls again.
        await_calls(victim)
    assert made.errors == []


def test_a_fourth_embedder_gets_its_share(standard: list[Path]) -> None:
    with containers.project("scaled", *standard) as made:
        made.up(embedder=3)
        with calls(made) as load:
            made.up(embedder=4)
            (new,) = set(made.containers("embedder")) - {f"{made.name}-embedder-{number}" for number in (1, 2, 3)}
            started = time.monotonic()
            await_calls(new)
            taken = time.monotonic() - started
            print(f"the fourth serves after {taken:.1f} s")
            assert taken < AGE_SECONDS
            since = time.time()
            await_count(made, since, 400)
        served = embedded_since(made, since)
        total = sum(served.values())
        print({name: f"{count / total:.1%}" for name, count in served.items()})
        assert load.errors == []
        assert len(served) == 4
        assert all(SHARE[0] <= count / total <= SHARE[1] for count in served.values())


def kill(container: str) -> None:
    """Kill the process as the kernel would: what is killed by way of the engine is not started again."""
    process = str(inspect(container)["State"]["Pid"])
    rights = ["--pid", "host", "--user", "0", "--cap-add", "KILL"]
    program = f"import os; os.kill({process}, 9)"
    docker("run", "--rm", *rights, f"likeness-gateway:{version()}", "python", "-c", program)


def back(container: str, restarts: int) -> None:
    """Return once the engine has started a container again."""
    for _ in polls():
        if inspect(container)["RestartCount"] == restarts:
            return


def await_calls(container: str) -> None:
    """Return once a container has served a call of its own kind, from now on."""
    since = time.time()
    for _ in polls():
        if embedded(container, since):
            return


def await_count(project: Project, since: float, count: int) -> None:
    """Return once so many calls were served."""
    for _ in polls():
        if sum(embedded_since(project, since).values()) >= count:
            return


def polls() -> Iterator[None]:
    """Yield until patience ends."""
    give_up = time.monotonic() + 120
    while time.monotonic() < give_up:
        yield
        time.sleep(0.5)
    raise AssertionError("not in time")


def embedded_since(project: Project, since: float) -> Counter[str]:
    """Return how many calls each embedder has served."""
    return Counter({name: embedded(name, since) for name in project.containers("embedder")})


def embedded(container: str, since: float) -> int:
    """Return how many calls an embedder has served, by its log."""
    lines = containers.logs(container, since).splitlines()
    return sum('"event": "call"' in line and "EmbedderService/Embed" in line for line in lines)
