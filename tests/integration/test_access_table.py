"""Every call of every server with every kind of credential: one table, complete by the servers' own descriptors."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha import reflection_pb2

from servicekit.tokens import Role
from tests.integration import servicekit_probe as probe
from tests.pki import EXPIRED, SERVER, TOKENS, Folder, Leaf, bearer
from tests.servers import REDIS_BINARIES, redis_server
from tests.system import System, system

READER, WRITER, ADMIN = Role
ANYBODY = None
# What each call needs, and what an empty request then ends with.
Row = tuple[Role | None, str]
_OK, _INVALID, _NOT_FOUND, _LATER = "OK", "INVALID_ARGUMENT", "NOT_FOUND", "UNIMPLEMENTED"
TABLE: dict[str, dict[str, dict[str, Row]]] = {
    "gateway": {
        "likeness.v1.ImageSearchService": {
            "CreateCollection": (ADMIN, _INVALID),
            "DeleteCollection": (ADMIN, _NOT_FOUND),
            "AddModel": (ADMIN, _NOT_FOUND),
            "ActivateModel": (ADMIN, _NOT_FOUND),
            "RemoveModel": (ADMIN, _NOT_FOUND),
            "IndexImages": (WRITER, _INVALID),
            "IngestImages": (WRITER, _OK),  # says first how much it takes
            "DeleteImages": (WRITER, _INVALID),
            "SearchImages": (READER, _INVALID),
            "CompareModels": (READER, _INVALID),
            "EvaluateModels": (READER, _INVALID),
            "FindDuplicates": (READER, _INVALID),
            "GetCollection": (READER, _NOT_FOUND),
            "ListCollections": (READER, _OK),
            "GetImage": (READER, _INVALID),
            "ListImages": (READER, _NOT_FOUND),
            "ListModels": (READER, _OK),
        },
    },
    "embedder": {
        "likeness.v1.EmbedderService": {
            "Embed": (READER, _INVALID),
            "StreamEmbed": (READER, _OK),  # says in its answers what is wrong
            "ListModels": (READER, _OK),
            "GetModel": (READER, _NOT_FOUND),
        },
        "likeness.v1.ModelAdminService": {
            "ReloadModels": (ADMIN, _OK),
        },
        "inference.GRPCInferenceService": {
            "ModelInfer": (READER, _NOT_FOUND),
            "ModelMetadata": (READER, _NOT_FOUND),
            "ModelReady": (READER, _OK),
            "ServerLive": (READER, _OK),
            "ServerMetadata": (READER, _OK),
            "ServerReady": (READER, _OK),
        },
    },
    "search": {
        "likeness.v1.SearchService": {
            "CreateCollection": (ADMIN, _INVALID),
            "DeleteCollection": (ADMIN, _NOT_FOUND),
            "AddBinding": (ADMIN, _NOT_FOUND),
            "ActivateModel": (ADMIN, _NOT_FOUND),
            "RemoveModel": (ADMIN, _NOT_FOUND),
            "CheckImages": (WRITER, _INVALID),
            "UpsertImages": (WRITER, _INVALID),
            "DeleteImages": (WRITER, _INVALID),
            "RecallAnswer": (WRITER, _INVALID),
            "KeepAnswer": (WRITER, _INVALID),
            "FindContent": (READER, _INVALID),
            "Search": (READER, _INVALID),
            "Compare": (READER, _INVALID),
            "EvaluateModels": (READER, _INVALID),
            "FindDuplicates": (READER, _INVALID),
            "GetCollection": (READER, _NOT_FOUND),
            "ListCollections": (READER, _OK),
            "GetImage": (READER, _INVALID),
            "ListImages": (READER, _NOT_FOUND),
        },
        "likeness.v1.MaintenanceService": {
            "Sweep": (ADMIN, _OK),
            "Reconcile": (ADMIN, _OK),
            "Rebuild": (ADMIN, _OK),
        },
    },
}
# Beside them on every server, for whoever can connect.
OPEN: dict[str, dict[str, Row]] = {
    "grpc.health.v1.Health": {"Check": (ANYBODY, _OK), "Watch": (ANYBODY, _OK), "List": (ANYBODY, _LATER)},
    "grpc.reflection.v1alpha.ServerReflection": {"ServerReflectionInfo": (ANYBODY, _OK)},
}
UNKNOWN = "/likeness.v1.ImageSearchService/NoSuchMethod"
SERVERS = list(TABLE)
_RIGHT = TOKENS[ADMIN]
STRANGERS: dict[str, Any] = {
    "none": (),
    "wrong": bearer("guess" * 6),
    "expired": bearer(EXPIRED),
    "two": (*bearer(_RIGHT), *bearer(_RIGHT)),
    "no scheme": (("authorization", _RIGHT),),
    "other scheme": (("authorization", f"Basic {_RIGHT}"),),
    "empty": (("authorization", "Bearer "),),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    return Folder.made(tmp_path_factory.mktemp("pki"))


@pytest.fixture(scope="module")
async def likeness(
    folder: Folder, short_directory: Path, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    """The three services with all their locks on, over stores of their own, since an admin may sweep them."""
    stores = short_directory / "access"
    stores.mkdir()
    lite = tmp_path_factory.mktemp("lite") / "lite.db"
    with redis_server(stores, REDIS_BINARIES["redis"]) as redis_url:
        async with system(str(lite), redis_url, secured=folder) as running:
            yield running


async def methods_of(channel: grpc.aio.Channel) -> list[MethodDescriptor]:
    """Return what a server says that it serves."""
    ask: Any = channel.stream_stream(
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        reflection_pb2.ServerReflectionRequest.SerializeToString,
        reflection_pb2.ServerReflectionResponse.FromString,
    )
    (answer,) = [each async for each in ask(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))]
    names = [service.name for service in answer.list_services_response.service]
    pool = descriptor_pool.Default()
    return [method for name in names for method in pool.FindServiceByName(name).methods]


async def outcome(channel: grpc.aio.Channel, method: MethodDescriptor, metadata: Any) -> str:
    """Call a method with an empty request and return its code; a stream that answers is left then."""
    request = GetMessageClass(method.input_type)()
    kinds = ["stream" if streams else "unary" for streams in (method.client_streaming, method.server_streaming)]
    call: Any = getattr(channel, "_".join(kinds))(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=GetMessageClass(method.input_type).SerializeToString,
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )(iter([request]) if method.client_streaming else request, metadata=metadata, timeout=20)
    try:
        await (anext(aiter(call), None) if method.server_streaming else call)
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


def expected(server: str, role: Role | None) -> dict[str, str]:
    """Return what calls end with for a holder of a role, or for a caller without one."""
    rows = {(name, method): row for name, rows in {**TABLE[server], **OPEN}.items() for method, row in rows.items()}
    refused = "PERMISSION_DENIED" if role else "UNAUTHENTICATED"
    return {
        f"/{service}/{method}": code if needed is ANYBODY or (role and role >= needed) else refused
        for (service, method), (needed, code) in rows.items()
    }


async def found(channel: grpc.aio.Channel, methods: list[MethodDescriptor], metadata: Any) -> dict[str, str]:
    """Return what calls end with."""
    return {
        f"/{method.containing_service.full_name}/{method.name}": await outcome(channel, method, metadata)
        for method in methods
    }


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("role", list(Role))
async def test_a_token_opens_what_its_role_opens(likeness: System, folder: Folder, server: str, role: Role) -> None:
    async with folder.channel(likeness.servers[server].address, folder.client()) as channel:
        methods = await methods_of(channel)
        assert await found(channel, methods, bearer(TOKENS[role])) == expected(server, role)
        unknown: Any = channel.unary_unary(UNKNOWN)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await unknown(b"", metadata=bearer(TOKENS[role]))
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("shown", STRANGERS)
async def test_without_a_good_token_nothing_opens(likeness: System, folder: Folder, server: str, shown: str) -> None:
    async with folder.channel(likeness.servers[server].address, folder.client()) as channel:
        methods = await methods_of(channel)
        assert await found(channel, methods, STRANGERS[shown]) == expected(server, None)
        unknown: Any = channel.unary_unary(UNKNOWN)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await unknown(b"", metadata=STRANGERS[shown])
    assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED


def no_certificate(folder: Folder, address: str) -> grpc.aio.Channel:
    return folder.channel(address, None)


def plaintext(_: Folder, address: str) -> grpc.aio.Channel:
    return grpc.aio.insecure_channel(address)


def wrong_authority(folder: Folder, address: str) -> grpc.aio.Channel:
    return folder.channel(address, Leaf.of(trustme.CA(), "caller.test"))


def expired(folder: Folder, address: str) -> grpc.aio.Channel:
    return folder.channel(address, Leaf.of(folder.authority, "caller.test", expired=True))


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("connect", [no_certificate, plaintext, wrong_authority, expired])
async def test_without_a_good_certificate_nobody_connects(
    likeness: System, folder: Folder, server: str, connect: Callable[[Folder, str], grpc.aio.Channel]
) -> None:
    address = likeness.servers[server].address
    async with folder.channel(address, folder.client()) as channel:
        methods = await methods_of(channel)
    async with connect(folder, address) as channel:
        outcomes = await found(channel, methods, bearer(TOKENS[ADMIN]))
    assert outcomes == dict.fromkeys(expected(server, None), "UNAVAILABLE")


async def test_a_servers_certificate_must_be_of_its_name_and_of_an_authority_that_the_caller_trusts(
    likeness: System, folder: Folder
) -> None:
    address = likeness.servers["gateway"].address
    stranger = grpc.ssl_channel_credentials(trustme.CA().cert_pem.bytes(), folder.client().key, folder.client().chain)
    right_name = [("grpc.ssl_target_name_override", SERVER)]
    other_name = [("grpc.ssl_target_name_override", "other.test")]
    for credentials, options in [(stranger, right_name), (folder.credentials(folder.client()), other_name)]:
        async with grpc.aio.secure_channel(address, credentials, options=options) as channel:
            check: Any = channel.unary_unary("/grpc.health.v1.Health/Check")
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await check(b"", timeout=20)
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


@pytest.mark.parametrize("server", SERVERS)
async def test_probes_need_neither_certificate_nor_token_on_the_health_port(likeness: System, server: str) -> None:
    assert await probe.health_of(likeness.servers[server].health_address) == "SERVING"


async def test_a_refusal_says_what_is_needed_and_repeats_nothing(likeness: System, folder: Folder) -> None:
    async with folder.channel(likeness.servers["gateway"].address, folder.client()) as channel:
        index: Any = channel.unary_unary("/likeness.v1.ImageSearchService/IndexImages")
        with pytest.raises(grpc.aio.AioRpcError) as role:
            await index(b"", metadata=bearer(TOKENS[READER]))
        with pytest.raises(grpc.aio.AioRpcError) as guess:
            await index(b"", metadata=bearer("guess" * 6))
    assert role.value.details() == "this call needs the role writer; the token's is reader"
    assert dict(probe.info(role.value).metadata) == {"role": "reader", "needed": "writer"}
    assert (probe.info(role.value).reason, probe.info(guess.value).reason) == ("PERMISSION_DENIED", "UNAUTHENTICATED")
    assert "guess" not in str(guess.value.details())
