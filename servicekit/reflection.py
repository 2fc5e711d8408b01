"""Server reflection: callers ask the server itself for its descriptors."""

from collections.abc import Sequence

import grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2


def add_to(server: grpc.aio.Server, names: Sequence[str]) -> None:
    """Add reflection under both of its names: v1 and v1alpha differ in nothing else."""
    servicer = reflection.aio.ReflectionServicer([*names, "grpc.health.v1.Health", reflection.SERVICE_NAME])
    handler = grpc.stream_stream_rpc_method_handler(
        servicer.ServerReflectionInfo,
        reflection_pb2.ServerReflectionRequest.FromString,
        reflection_pb2.ServerReflectionResponse.SerializeToString,
    )
    for name in ("grpc.reflection.v1.ServerReflection", reflection.SERVICE_NAME):
        methods = {"ServerReflectionInfo": handler}
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, methods),))
