"""Runs queries by plan on read replicas, where these show all that the viewer wrote."""

from collections.abc import Awaitable, Callable

from db.errors import ReplicaLost
from db.statements.visibility import Viewer
from graph.context import Context
from graph.document.operation import PreparedOperation
from graph.plan.planned_data import PlannedData
from graph.plan.planner import Planner, ReadSource

ChooseSource = Callable[[Viewer], Awaitable[ReadSource | None]]
"""Chooses where a viewer's query is read. None: on the primary."""


class ReplicaPlanner(Planner):
    """The planner of a process that has replicas. `choose` is set before the first query."""

    choose: ChooseSource

    async def _run(
        self, context: Context, prepared: PreparedOperation, source: ReadSource | None = None
    ) -> PlannedData:
        if source is None and not prepared.operation.is_introspection:
            source = await self.choose(context.viewer)
        try:
            return await super()._run(context, prepared, source)
        except ReplicaLost:  # it is read again, all of it, for a replica may show less
            return await super()._run(context, prepared)
