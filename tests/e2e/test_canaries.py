"""Words that only a secret holds, in every input: none of them in a log, an error, a metric or a trace."""

import contextlib
import io
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc
import pytest
from google.protobuf import struct_pb2
from PIL import Image, PngImagePlugin

from likeness.v1 import embedder_pb2, image_search_pb2_grpc, types_pb2
from likeness.v1 import image_search_pb2 as pb
from tests.e2e.conftest import Running, running_stack
from tests.pki import SERVER, Folder
from tests.servers import free_port

CANARY = "canary7f3a"
SERVICES = ("gateway", "embedder", "search")
TOKEN, PEER_TOKEN, WRONG_TOKEN = (f"{CANARY}-{kind}-token" for kind in ("callers", "peers", "wrong"))
METADATA = (("x-secret", f"{CANARY}-metadata"), ("x-secret-bin", CANARY.encode()), ("cookie", f"{CANARY}-cookie"))


@dataclass
class Said:
    """All that came out of the system, by where it came out."""

    errors: list[str] = field(default_factory=list)
    logs: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)
    spans: bytes = b""


def secret_picture() -> bytes:
    """Return a picture that can be read, with a text in it."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", f"{CANARY}-picture")
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "teal").save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


def attributes(**values: Any) -> struct_pb2.Struct:
    made = struct_pb2.Struct()
    made.update({"owner": f"{CANARY}-attribute", **values})
    return made


def images() -> Iterator[types_pb2.Image]:
    yield types_pb2.Image(content=secret_picture())
    yield types_pb2.Image(content=CANARY.encode() * 200)
    yield types_pb2.Image(content=secret_picture()[:80])
    # Under the allowed prefix, where nothing listens; under none; and no address at all.
    yield types_pb2.Image(uri=f"https://127.0.0.1:1/{CANARY}?signature={CANARY}")
    yield types_pb2.Image(uri=f"https://user:{CANARY}@images.test/?signature={CANARY}")
    yield types_pb2.Image(uri=CANARY)


def entries() -> list[pb.ImageEntry]:
    uri = f"https://images.test/a.png?signature={CANARY}"
    found = [
        pb.ImageEntry(image_id=f"image-{i}", image=image, uri=uri, attributes=attributes())
        for i, image in enumerate(images())
    ]
    far_too_large = attributes(note=f"{CANARY} " * 20_000)
    return [
        *found,
        pb.ImageEntry(image_id="large", image=types_pb2.Image(content=secret_picture()), attributes=far_too_large),
    ]


def requests() -> Iterator[tuple[str, Any]]:
    """Every kind of call that takes a secret, one that succeeds and one that fails."""
    yield "CreateCollection", pb.CreateCollectionRequest(collection=pb.Collection(name="c", description=CANARY))
    yield "IndexImages", pb.IndexImagesRequest(collection="c", entries=entries())
    for image in images():
        yield "SearchImages", pb.SearchImagesRequest(collection="c", image=image, include_attributes=True)
        yield "CompareModels", pb.CompareModelsRequest(collection="c", image=image)
    text = types_pb2.Condition(attribute="owner", equals=struct_pb2.Value(string_value=f'{CANARY}" or 1==1'))
    only = types_pb2.Filter(condition=text)
    yield "SearchImages", pb.SearchImagesRequest(collection="c", image_id="image-0", filter=only)
    yield "ListImages", pb.ListImagesRequest(collection="c", page_token=CANARY)
    yield "DeleteImages", pb.DeleteImagesRequest(collection="c", filter=only, force=True)


# Without Redis these wait for it, as long as they may.
AWAY = [
    ("IndexImages", pb.IndexImagesRequest(collection="c", entries=entries())),
    ("SearchImages", pb.SearchImagesRequest(collection="c", image=types_pb2.Image(content=secret_picture()))),
]


def settings(folder: Folder) -> dict[str, str]:
    """Return the settings of a stack that is as talkative and as locked as can be."""
    (folder.path / "peer.token").write_text(PEER_TOKEN)
    tokens = [("callers", TOKEN), ("peers", PEER_TOKEN)]
    lines = [f'[[token]]\nname = "{name}"\nrole = "admin"\ntoken = "{token}"' for name, token in tokens]
    folder.tokens.write_text("\n".join(lines))
    server = {**folder.of_server(), "tokens_file": folder.tokens, "log_level": "DEBUG"}
    found = {f"LIKENESS_{s.upper()}_{name.upper()}": str(value) for s in SERVICES for name, value in server.items()}
    peer = {**folder.of_peer(), "peer_token_file": folder.path / "peer.token"}
    (folder.path / "peer.token").write_text(PEER_TOKEN)
    found |= {f"LIKENESS_GATEWAY_{name.upper()}": str(value) for name, value in peer.items()}
    found["LIKENESS_EMBEDDER_URI_PREFIXES"] = "https://127.0.0.1:1/"
    found["LIKENESS_EMBEDDER_URI_NETWORKS"] = "127.0.0.0/8"
    found |= {f"LIKENESS_{service.upper()}_METRICS_PORT": str(free_port()) for service in SERVICES}
    return found


class Caller:
    """Makes calls with secrets in them, and notes every word of the answers that are errors."""

    def __init__(self, address: str, folder: Folder, said: Said) -> None:
        leaf = folder.client()
        credentials = grpc.ssl_channel_credentials(folder.authority.cert_pem.bytes(), leaf.key, leaf.chain)
        self._channel = grpc.secure_channel(address, credentials, [("grpc.ssl_target_name_override", SERVER)])
        self._stub: Any = image_search_pb2_grpc.ImageSearchServiceStub(self._channel)
        self._said = said

    def call(self, method: str, request: Any, token: str = TOKEN, timeout_seconds: float = 20) -> None:
        try:
            answer = getattr(self._stub, method)(request, metadata=self._metadata(token), timeout=timeout_seconds)
        except grpc.RpcError as error:
            self._note(error)
        else:
            self._said.errors += [str(r.error) for r in getattr(answer, "results", ()) if r.HasField("error")]

    def malformed(self, token: str = TOKEN) -> None:
        raw: Any = self._channel.unary_unary("/likeness.v1.ImageSearchService/GetImage")
        with pytest.raises(grpc.RpcError) as caught:
            raw(b"\xff" + CANARY.encode(), metadata=self._metadata(token), timeout=30)
        self._note(caught.value)

    def stream(self) -> None:
        messages = [pb.IngestImagesRequest(collection="c", entry=entry, item_id="1") for entry in entries()]
        try:
            answers = self._stub.IngestImages(iter(messages), metadata=self._metadata(TOKEN), timeout=30)
            self._said.errors += [str(answer.result.error) for answer in answers]
        except grpc.RpcError as error:
            self._note(error)

    def close(self) -> None:
        self._channel.close()

    @staticmethod
    def _metadata(token: str) -> Any:
        return (*METADATA, ("authorization", f"Bearer {token}"))

    def _note(self, error: Any) -> None:
        self._said.errors.append(f"{error.code()} {error.details()} {error.trailing_metadata()}")


def use(running: Running, folder: Folder, said: Said) -> None:
    """Say the secrets: while all is well, to the wrong door, and while Redis is away."""
    with contextlib.closing(Caller(running.stack.settings.ports.address("gateway"), folder, said)) as caller:
        for method, request in requests():
            caller.call(method, request)
            caller.call(method, request, WRONG_TOKEN)
        caller.malformed()
        caller.stream()
        caller.call("ListModels", embedder_pb2.ListModelsRequest())
        running.stack.kill("redis")
        for method, request in AWAY:
            caller.call(method, request, timeout_seconds=3)


@contextlib.contextmanager
def collector(said: Said) -> Iterator[str]:
    """Take whatever is sent, as a collector of spans would, and keep the bytes."""

    class Anything(grpc.GenericRpcHandler):
        def service(self, _: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(self.keep)

        def keep(self, request: bytes, _: Any) -> bytes:
            said.spans += request
            return b""

    server = grpc.server(ThreadPoolExecutor(1), handlers=[Anything()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def scrape(environment: dict[str, str]) -> dict[str, str]:
    ports = {name: port for name, port in environment.items() if name.endswith("METRICS_PORT")}
    found = {}
    for name, port in ports.items():
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as page:
            found[name] = page.read().decode()
    return found


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> Said:
    """All that was said of a stack that has been told secrets."""
    said = Said()
    folder = Folder.made(tmp_path_factory.mktemp("pki"))
    environment = settings(folder)
    with pytest.MonkeyPatch.context() as given, collector(said) as endpoint:
        given.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        with running_stack(tmp_path_factory.mktemp("canary"), **environment) as running:
            use(running, folder, said)
            said.metrics = scrape(environment)
        said.logs = {name: running.stack.log(name).read_text(errors="replace") for name in SERVICES}
    return said


def test_errors_repeat_no_secret(said: Said) -> None:
    codes = {error.partition(" ")[0] for error in said.errors}
    assert {"StatusCode.UNAUTHENTICATED", "StatusCode.INVALID_ARGUMENT", "StatusCode.UNAVAILABLE"} <= codes
    assert [error for error in said.errors if CANARY in error] == []


def test_logs_hold_no_secret(said: Said) -> None:
    for name, text in said.logs.items():
        assert '"event": "call"' in text or '"event":"call"' in text, name
        assert [line for line in text.splitlines() if CANARY in line or "PRIVATE KEY" in line] == []


def test_metrics_hold_no_secret(said: Said) -> None:
    assert len(said.metrics) == len(SERVICES)
    assert [name for name, text in said.metrics.items() if CANARY in text] == []


def test_spans_hold_no_secret(said: Said) -> None:
    for name in SERVICES:
        assert f"likeness-{name}".encode() in said.spans
    assert CANARY.encode() not in said.spans
