"""MaintenanceService: messages to values, one call, values to messages."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import grpc

from likeness.v1 import maintenance_pb2 as pb
from likeness.v1 import maintenance_pb2_grpc
from search_service import convert_maintenance as convert
from search_service.guard import Guard
from search_service.rebuild import Rebuilder
from search_service.reconcile import Reconciler
from search_service.sweep import Sweeper

Context = grpc.aio.ServicerContext[Any, Any]


class MaintenanceServicer(maintenance_pb2_grpc.MaintenanceServiceServicer):
    """The proto service over the core."""

    def __init__(self, sweeper: Sweeper, reconciler: Reconciler, rebuilder: Rebuilder, guard: Guard) -> None:
        self._sweeper = sweeper
        self._reconciler = reconciler
        self._rebuilder = rebuilder
        self._guard = guard

    async def Sweep(self, request: pb.SweepRequest, context: Context) -> pb.SweepResponse:
        swept = await self._sweeper.sweep(patient=True)
        return pb.SweepResponse(swept_count=swept, refused_collections=self._guard.refused)

    async def Reconcile(self, request: pb.ReconcileRequest, context: Context) -> AsyncGenerator[pb.ReconcileResponse]:
        steps = self._reconciler.run(request.collections, repair=request.repair, force=request.force)
        async with aclosing(steps):
            async for step in steps:
                yield convert.to_reconcile_response(step)

    async def Rebuild(self, request: pb.RebuildRequest, context: Context) -> AsyncGenerator[pb.RebuildResponse]:
        async with aclosing(self._rebuilder.run(request.collections)) as steps:
            async for step in steps:
                yield convert.to_rebuild_response(step)
