"""Runs queries by plan on read replicas, where these show all that the viewer wrote."""

from collections.abc import Awaitable, Callable

from db.errors import ReplicaLost
from db.statements.visibility import Viewer
from flags.switches import Switches
from graph.context import Caller, Context
from graph.document.operation import PreparedOperation
from graph.plan.kept_plans import ReadSource, ReadyQuery
from graph.plan.planned_data import PlannedData
from graph.plan.planner import Planner

ChooseSource = Callable[[Viewer], Awaitable[ReadSource | None]]
"""Chooses where a viewer's query is read. None: on the primary."""


class ReplicaPlanner(Planner):
    """The planner of a process that has replicas. `choose` is set before the first query."""

    choose: ChooseSource

    def known_plan(
        self, caller: Caller, switches: Switches, prepared: PreparedOperation
    ) -> ReadyQuery | None:
        """None: where a query is read is chosen for each request."""

    async def _run(
        self, context: Context, prepared: PreparedOperation, source: ReadSource | None = None
    ) -> PlannedData:
        if source is None and not prepared.operation.is_introspection:
            source = await self.choose(context.viewer)
        try:
            return await super()._run(context, prepared, source)
        except ReplicaLost:  # it is read again, all of it, for a replica may show less
            return await super()._run(context, prepared)
