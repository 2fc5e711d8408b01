"""Server reflection: callers ask the server itself for its descriptors."""

from collections.abc import Sequence
from typing import Any

import grpc
from google.protobuf import descriptor, descriptor_pool
from grpc_reflection.v1alpha import reflection, reflection_pb2


class _Pool:
    """The pool of all descriptors, which by itself finds no file by the name of a method."""

    def __init__(self) -> None:
        self._pool = descriptor_pool.Default()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> descriptor.FileDescriptor:  # noqa: N802 - as the pool has it
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            return self._pool.FindMethodByName(symbol).containing_service.file


def add_to(server: grpc.aio.Server, names: Sequence[str]) -> None:
    """Add reflection under both of its names: v1 and v1alpha differ in nothing else."""
    servicer = reflection.aio.ReflectionServicer([*names, "grpc.health.v1.Health", reflection.SERVICE_NAME], _Pool())
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in ("grpc.reflection.v1.ServerReflection", reflection.SERVICE_NAME):
        methods = {"ServerReflectionInfo": handler}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))
