"""The contract: commented throughout, the same for every language, and equal to what is committed beside it."""

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import descriptor_pb2

from tests.architecture import reference_page
from tests.architecture.source import ROOT, reasons

PROTOS = ROOT / "protos"
OURS = sorted((PROTOS / "likeness" / "v1").glob("*.proto"))
# Served beside our own: the one file of the Open Inference Protocol.
CONTRACT = [PROTOS / "inference" / "open_inference.proto", *OURS]
STUBS = ROOT / "likeness" / "v1"
ERROR_DETAILS = PROTOS / "google" / "rpc" / "error_details.proto"
DESCRIPTORS = PROTOS / "likeness.binpb"
GENERATOR = ROOT / ".tools" / "protos" / "bin" / "python"
BUF = ROOT / ".tools" / "node_modules" / ".bin" / "buf"
SERVICE_CONFIG = "likeness_grpc_service_config.json"

OPTIONS = {
    "likeness.v1": {
        "csharp_namespace": "Likeness.V1",
        "go_package": "github.com/likeness/likeness/gen/go/likeness/v1;likenessv1",
        "java_multiple_files": True,
        "java_package": "io.likeness.v1",
        "php_namespace": "Likeness\\V1",
        "ruby_package": "Likeness::V1",
    },
    "inference": {
        "csharp_namespace": "Inference",
        "go_package": "github.com/likeness/likeness/gen/go/inference;inference",
        "java_multiple_files": True,
        "java_package": "io.likeness.inference",
        "php_namespace": "Inference",
        "ruby_package": "Inference",
    },
}
# Codes of google.rpc.Code that a call can end with, as they stand in comments beside reasons.
CODES = {
    "ABORTED",
    "ALREADY_EXISTS",
    "DEADLINE_EXCEEDED",
    "FAILED_PRECONDITION",
    "INTERNAL",
    "INVALID_ARGUMENT",
    "NOT_FOUND",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "UNAUTHENTICATED",
    "UNAVAILABLE",
    "UNIMPLEMENTED",
}


def protoc(*arguments: str, root: str = "protos", of: Sequence[Path] = CONTRACT) -> None:
    """Run the generator on `of`, which are called by their paths from protos, or from what `root` maps that to."""
    if not GENERATOR.exists():
        pytest.fail("the generator is not installed; run: make .tools/protos")
    command = [str(GENERATOR), "-m", "grpc_tools.protoc", "-I", root, *arguments]
    subprocess.run([*command, *(path.relative_to(ROOT).as_posix() for path in of)], cwd=ROOT, check=True)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, descriptor_pb2.FileDescriptorProto]:
    """Every file of the contract, with its comments, by name."""
    out = tmp_path_factory.mktemp("descriptors") / "likeness.binpb"
    protoc(f"--descriptor_set_out={out}", "--include_source_info")
    return {file.name: file for file in descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file}


@pytest.mark.parametrize(
    ("root", "sources", "package"),
    [("protos", OURS, "likeness/v1"), ("embedder_service=protos", CONTRACT[:1], "embedder_service/inference")],
    ids=["likeness.v1", "inference"],
)
def test_committed_stubs_are_what_the_generator_makes(
    root: str, sources: Sequence[Path], package: str, tmp_path: Path
) -> None:
    outputs = (f"--python_out={tmp_path}", f"--pyi_out={tmp_path}", f"--grpc_python_out={tmp_path}")
    protoc(*outputs, root=root, of=sources)
    made = {path.name: path.read_bytes() for path in (tmp_path / package).iterdir()}
    committed = {path.name: path.read_bytes() for path in (ROOT / package).glob("*_pb2*")}
    assert set(made) == set(committed)
    assert [name for name in made if made[name] != committed[name]] == [], "run: make protos"


def test_the_committed_descriptors_are_what_the_generator_makes(tmp_path: Path) -> None:
    """With all that they import and what errors carry, so that a proxy or a dynamic client needs this file alone."""
    made = tmp_path / "likeness.binpb"
    protoc("--include_imports", f"--descriptor_set_out={made}", of=[ERROR_DETAILS, *CONTRACT])
    assert DESCRIPTORS.read_bytes() == made.read_bytes(), "run: make protos"
    names = {file.name for file in descriptor_pb2.FileDescriptorSet.FromString(made.read_bytes()).file}
    assert names > {path.relative_to(PROTOS).as_posix() for path in CONTRACT}


def test_the_reference_page_says_what_the_comments_say() -> None:
    assert reference_page.PAGE.read_text() == reference_page.page(), "run: make protos"


def test_the_stubs_carry_the_service_config_of_the_contract() -> None:
    assert (STUBS / SERVICE_CONFIG).read_bytes() == (PROTOS / "likeness" / "v1" / SERVICE_CONFIG).read_bytes()


def test_every_file_sets_the_options_that_other_languages_need(
    files: dict[str, descriptor_pb2.FileDescriptorProto],
) -> None:
    assert len(files) == len(CONTRACT)
    for file in files.values():
        wanted = OPTIONS[file.package]
        assert {name: getattr(file.options, name) for name in wanted} == wanted, file.name


Where = tuple[int, ...]


def in_message(message: descriptor_pb2.DescriptorProto, path: Where, name: str) -> Iterator[tuple[Where, str]]:
    yield path, name
    for i, field in enumerate(message.field):
        yield (*path, 2, i), f"{name}.{field.name}"
    optional = {field.oneof_index for field in message.field if field.proto3_optional}
    for i, oneof in enumerate(message.oneof_decl):
        if i not in optional:
            yield (*path, 8, i), f"{name}.{oneof.name}"
    for i, enum in enumerate(message.enum_type):
        yield from in_enum(enum, (*path, 4, i), f"{name}.{enum.name}")
    for i, nested in enumerate(message.nested_type):
        if not nested.options.map_entry:
            yield from in_message(nested, (*path, 3, i), f"{name}.{nested.name}")


def in_enum(enum: descriptor_pb2.EnumDescriptorProto, path: Where, name: str) -> Iterator[tuple[Where, str]]:
    yield path, name
    for i, value in enumerate(enum.value):
        yield (*path, 2, i), f"{name}.{value.name}"


def methods(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[Where, str]]:
    for i, service in enumerate(file.service):
        for j, method in enumerate(service.method):
            yield (6, i, 2, j), f"{service.name}.{method.name}"


def elements(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[Where, str]]:
    """Every element of a file, by its path in the descriptor."""
    yield (12,), f"{file.name} (its syntax line)"
    for i, service in enumerate(file.service):
        yield (6, i), service.name
    yield from methods(file)
    for i, message in enumerate(file.message_type):
        yield from in_message(message, (4, i), message.name)
    for i, enum in enumerate(file.enum_type):
        yield from in_enum(enum, (5, i), enum.name)


def comments(file: descriptor_pb2.FileDescriptorProto) -> dict[Where, str]:
    return {tuple(where.path): where.leading_comments for where in file.source_code_info.location}


def test_every_element_has_a_comment(files: dict[str, descriptor_pb2.FileDescriptorProto]) -> None:
    bare = [
        name for file in files.values() for path, name in elements(file) if not comments(file).get(path, "").strip()
    ]
    assert bare == []


def test_every_call_names_its_errors_or_the_call_that_it_is_like(
    files: dict[str, descriptor_pb2.FileDescriptorProto],
) -> None:
    for file in files.values():
        for path, name in methods(file):
            comment = comments(file)[path]
            assert "Errors: " in comment or re.match(r" As \w+\.\w+\.\n", comment), name


def reasons_in(text: str) -> set[str]:
    spoken = re.sub(r"buf:lint:ignore \w+", "", text)
    return set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b|\bOVERLOADED\b|\bDRAINING\b|\bCONFLICT\b", spoken)) - CODES


def test_comments_and_code_know_the_same_reasons(files: dict[str, descriptor_pb2.FileDescriptorProto]) -> None:
    documented = set()
    for file in files.values():
        for path, text in comments(file).items():
            if path[:1] == (6,):
                documented |= reasons_in(text)
    assert documented - reasons() == set(), "documented, never raised"
    assert reasons() - documented - CODES == set(), "raised, not documented"


def configured() -> Iterator[tuple[dict[str, str], dict[str, Any]]]:
    for method_config in json.loads((STUBS / SERVICE_CONFIG).read_text())["methodConfig"]:
        for name in method_config["name"]:
            yield name, method_config


def test_the_service_config_names_what_exists(files: dict[str, descriptor_pb2.FileDescriptorProto]) -> None:
    services = {
        f"{file.package}.{service.name}": {method.name for method in service.method}
        for file in files.values()
        for service in file.service
    }
    for name, _ in configured():
        assert name["service"] in services
        assert "method" not in name or name["method"] in services[name["service"]]
    assert {name["service"] for name, _ in configured() if "method" not in name} == set(services)


def test_calls_that_stream_have_no_time_limit_but_their_callers(
    files: dict[str, descriptor_pb2.FileDescriptorProto],
) -> None:
    streams = {
        (f"{file.package}.{service.name}", method.name)
        for file in files.values()
        for service in file.service
        for method in service.method
        if method.client_streaming or method.server_streaming
    }
    unlimited = {(name["service"], name.get("method")) for name, how in configured() if "timeout" not in how}
    assert streams <= unlimited


def test_clients_balance_and_retry_only_what_may_succeed_later() -> None:
    config = json.loads((STUBS / SERVICE_CONFIG).read_text())
    assert config["loadBalancingConfig"] == [{"round_robin": {}}]
    for _, how in configured():
        assert how["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE", "CANCELLED"]
        assert 1 < how["retryPolicy"]["maxAttempts"] <= 5, "gRPC silently lowers more than five"


@pytest.mark.parametrize("command", [("lint",), ("format", "--diff", "--exit-code")], ids=["lint", "format"])
def test_buf_has_nothing_to_say(command: tuple[str, ...]) -> None:
    if not BUF.exists():
        pytest.fail("buf is not installed; run: tests/install.sh")
    run = partial(subprocess.run, cwd=PROTOS, capture_output=True, text=True, check=False)
    result = run([str(BUF), *command])
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
