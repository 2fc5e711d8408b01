"""Traps that have a form one can look for."""

import ast

import pytest

from tests.architecture.source import PACKAGES, TOOLS, Source, files_of, product

# Settings are read here, once; and OpenTelemetry's own, whose names are not ours.
READS_ENVIRONMENT = {"servicekit/settings.py", "servicekit/tracing.py"}
# These start other programs on a person's own machine, and hand on the environment that they were given.
HANDS_ENVIRONMENT_ON = {"deploy/local/demo.py", "deploy/local/parts.py"}

# A process of its own, without gRPC and without threads, forks.
FORK_SERVERS = {"embedder_service/decoder.py"}


def dotted(node: ast.AST) -> str:
    """Return `a.b.c` for an attribute of a name, and an empty string for anything else."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def called(file: Source) -> list[str]:
    return [dotted(call.func) for call in file.calls()]


def reads_environment(file: Source) -> bool:
    names = {dotted(node) for node in ast.walk(file.tree) if isinstance(node, ast.Attribute)}
    return bool(names & {"os.environ", "os.getenv", "os.environb"} | file.imports() & {"os.environ", "os.getenv"})


def test_the_environment_is_read_in_one_place() -> None:
    users = {file.name for file in product() if reads_environment(file)}
    assert users - HANDS_ENVIRONMENT_ON == READS_ENVIRONMENT


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_starts_at_most_one_event_loop(package: str) -> None:
    """Several loops in one process make grpc's poller spin."""
    starts = [name for file in files_of(package) for name in called(file) if not file.name.startswith(TOOLS)]
    assert sum(name in {"asyncio.run", "asyncio.Runner", "asyncio.new_event_loop"} for name in starts) <= 1


def test_nothing_forks() -> None:
    """A fork after gRPC has started hangs; workers are spawned, or come from a fork server that started before it."""
    for file in product():
        forks = {"os.fork", "os.forkpty"} & set(called(file))
        assert not forks or file.name in FORK_SERVERS, file.name
        for call in file.calls():
            if dotted(call.func).endswith(("get_context", "set_start_method")):
                arguments = [getattr(argument, "value", None) for argument in call.args]
                assert arguments in (["spawn"], ["forkserver"]), file.name


def test_channels_are_opened_in_one_place() -> None:
    """So that every hop has balancing, retries, keepalive and size limits. Outside, callers and a probe open theirs."""
    openers = {"grpc.aio.insecure_channel", "grpc.aio.secure_channel", "grpc.insecure_channel", "grpc.secure_channel"}
    users = {file.name for file in product() if openers & set(called(file))}
    assert users <= {"servicekit/channel.py", "likeness/connection.py", "servicekit/probe.py"}


def test_statuses_are_made_in_one_place() -> None:
    """Handlers raise errors; the interceptor alone aborts."""
    users = {file.name for file in product() for name in called(file) if name.endswith((".abort", ".set_code"))}
    assert users <= {"servicekit/interceptors.py"}


def test_blocking_work_goes_to_an_executor_sized_on_purpose() -> None:
    """The default one is shared by everything that uses it."""
    for file in files_of("embedder_service", "search_service", "gateway"):
        # Composition roots use it before the first call. The gateway hashes pictures there, its only blocking work.
        assert file.module in {"app", "hashes"} or "asyncio.to_thread" not in called(file), file.name
        for call in file.calls():
            if dotted(call.func).endswith(".run_in_executor"):
                assert not (isinstance(call.args[0], ast.Constant) and call.args[0].value is None), file.name
