"""docs/reference.md, written from the comments of the contract: `python -m tests.architecture.reference_page`."""

import re
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from google.api import annotations_pb2, http_pb2
from google.protobuf import descriptor_pb2

from tests.architecture.source import ROOT

PAGE = ROOT / "docs" / "reference.md"
GENERATOR = ROOT / ".tools" / "protos" / "bin" / "python"
# What callers need first; the services between our own come last.
FILES = (
    "likeness/v1/image_search.proto",
    "likeness/v1/types.proto",
    "likeness/v1/embedder.proto",
    "inference/open_inference.proto",
    "likeness/v1/search.proto",
    "likeness/v1/maintenance.proto",
)
HEAD = """# Reference

Every call, field, unit, limit and error of the contract, from the comments in [protos](../protos) by `make protos`.
Field types are Protocol Buffers' own; `repeated` is a list, `optional` a field whose absence means something, `oneof` a
choice of which one is set. Over HTTP a call has the route that stands beside it, and its messages are JSON.
"""
Field = descriptor_pb2.FieldDescriptorProto
Where = tuple[int, ...]


@dataclass(frozen=True)
class Commented:
    """A file of the contract, and its comments by their place in it."""

    file: descriptor_pb2.FileDescriptorProto
    comments: Mapping[Where, str]

    def text(self, *where: int) -> str:
        """Return the comment of an element, without what it says to tools."""
        lines = (line.strip() for line in self.comments.get(where, "").splitlines())
        return "\n".join(line for line in lines if not line.startswith("buf:lint")).strip()

    def line(self, *where: int) -> str:
        """Return the same for the cell of a table."""
        return re.sub(r"\s*\n\s*", " ", self.text(*where)).replace("|", "\\|")


def described() -> list[Commented]:
    """Return the files of the contract, as the generator reads them."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "likeness.binpb"
        command = [str(GENERATOR), "-m", "grpc_tools.protoc", "-I", "protos", "--include_source_info"]
        subprocess.run([*command, f"--descriptor_set_out={out}", *(f"protos/{n}" for n in FILES)], cwd=ROOT, check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
    by_name = {file.name: file for file in files}
    return [Commented(by_name[name], _comments(by_name[name])) for name in FILES]


def _comments(file: descriptor_pb2.FileDescriptorProto) -> dict[Where, str]:
    return {tuple(place.path): place.leading_comments for place in file.source_code_info.location}


def page() -> str:
    """Return the page."""
    files = described()
    contents = [f"* [{_title(it)}](#{_anchor(_title(it))}): {it.line(12)}" for it in files]
    parts = [HEAD, "\n".join(contents), *(part for it in files for part in _file(it))]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _title(it: Commented) -> str:
    return it.file.service[0].name if it.file.service else "Shared messages"


def _anchor(title: str) -> str:
    return title.lower().replace(" ", "-")


def _file(it: Commented) -> Iterator[str]:
    yield f"## {_title(it)}"
    for i, service in enumerate(it.file.service):
        yield f"`{it.file.package}.{service.name}`, in [{it.file.name}](../protos/{it.file.name})."
        yield it.text(6, i)
        for j, method in enumerate(service.method):
            yield from _method(it, method, (6, i, 2, j))
    for i, message in enumerate(it.file.message_type):
        yield from _message(it, message, (4, i), message.name)
    for i, enum in enumerate(it.file.enum_type):
        yield from _enum(it, enum, (5, i), enum.name)


def _method(it: Commented, method: descriptor_pb2.MethodDescriptorProto, where: Where) -> Iterator[str]:
    request = ("stream " if method.client_streaming else "") + _short(method.input_type)
    response = ("stream " if method.server_streaming else "") + _short(method.output_type)
    yield f"### {method.name}"
    yield f"`rpc {method.name}({request}) returns ({response})`"
    routes = list(_routes(method.options.Extensions[annotations_pb2.http]))
    if routes:
        yield "HTTP: " + ", or ".join(routes)
    yield it.text(*where)


def _routes(rule: http_pb2.HttpRule) -> Iterator[str]:
    verb = rule.WhichOneof("pattern")
    if verb:
        bodies = {"": "", "*": ", with the request as its body"}
        yield f"`{verb.upper()} {getattr(rule, verb)}`{bodies.get(rule.body, f', with `{rule.body}` as its body')}"
    for more in rule.additional_bindings:
        yield from _routes(more)


def _message(it: Commented, message: descriptor_pb2.DescriptorProto, where: Where, name: str) -> Iterator[str]:
    yield f"### {name}"
    yield it.text(*where)
    maps = {nested.name: nested for nested in message.nested_type if nested.options.map_entry}
    if message.field:
        rows = [_row(it, message, i, maps, (*where, 2, i)) for i in range(len(message.field))]
        yield "| Field | Type | Meaning |\n| --- | --- | --- |\n" + "\n".join(rows)
    for i, nested in enumerate(message.nested_type):
        if not nested.options.map_entry:
            yield from _message(it, nested, (*where, 3, i), f"{name}.{nested.name}")
    for i, enum in enumerate(message.enum_type):
        yield from _enum(it, enum, (*where, 4, i), f"{name}.{enum.name}")


def _row(
    it: Commented,
    message: descriptor_pb2.DescriptorProto,
    number: int,
    maps: Mapping[str, descriptor_pb2.DescriptorProto],
    where: Where,
) -> str:
    field = message.field[number]
    return f"| `{field.name}` | {_type(message, field, maps)} | {it.line(*where)} |"


def _type(
    message: descriptor_pb2.DescriptorProto, field: Field, maps: Mapping[str, descriptor_pb2.DescriptorProto]
) -> str:
    entry = maps.get(field.type_name.rpartition(".")[2])
    if entry:
        return f"map of {_kind(entry.field[0])} to {_kind(entry.field[1])}"
    if field.label == Field.LABEL_REPEATED:
        return f"repeated {_kind(field)}"
    if field.proto3_optional:
        return f"optional {_kind(field)}"
    if field.HasField("oneof_index"):
        return f"{_kind(field)}, oneof `{message.oneof_decl[field.oneof_index].name}`"
    return _kind(field)


def _kind(field: Field) -> str:
    named = field.type in (Field.TYPE_MESSAGE, Field.TYPE_ENUM)
    return _short(field.type_name) if named else Field.Type.Name(field.type).removeprefix("TYPE_").lower()


def _short(name: str) -> str:
    """Return a type's name as the page has it: ours without their package."""
    return re.sub(r"^(likeness\.v1|inference)\.", "", name.removeprefix("."))


def _enum(it: Commented, enum: descriptor_pb2.EnumDescriptorProto, where: Where, name: str) -> Iterator[str]:
    yield f"### {name}"
    yield it.text(*where)
    rows = [f"| `{value.name}` | {value.number} | {it.line(*where, 2, i)} |" for i, value in enumerate(enum.value)]
    yield "| Value | Number | Meaning |\n| --- | --- | --- |\n" + "\n".join(rows)


if __name__ == "__main__":
    PAGE.write_text(page())
