"""likeness.v1.ModelAdminService: one call, and values to its response."""

from typing import Any

import grpc

from embedder_service.reloading import Reloader
from likeness.v1 import model_admin_pb2 as pb
from likeness.v1 import model_admin_pb2_grpc

Context = grpc.aio.ServicerContext[Any, Any]


class ModelAdminServicer(model_admin_pb2_grpc.ModelAdminServiceServicer):
    """The proto service over the core."""

    def __init__(self, reloader: Reloader) -> None:
        self._reloader = reloader

    async def ReloadModels(self, request: pb.ReloadModelsRequest, context: Context) -> pb.ReloadModelsResponse:
        change = await self._reloader.reload()
        return pb.ReloadModelsResponse(
            added=change.added,
            replaced=change.replaced,
            removed=change.removed,
            refused=[
                pb.RefusedModel(name=_text(name), problem=_text(problem)) for name, problem in change.refused.items()
            ],
        )


def _text(text: str) -> str:
    """Return what a message can hold: a folder's name need not be UTF-8."""
    return text.encode(errors="replace").decode()
