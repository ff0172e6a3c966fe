"""Runs operations by plan and on graphql-core, for viewers of one population."""

import asyncio
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from db.models import Scope
from db.session import AsyncDatabase
from db.statements.visibility import Viewer
from flags.switches import Switches
from graph.cache.data_versions import DataVersions
from graph.cache.root_field_cache import RootFieldCache
from graph.context import Caller, Context
from graph.cost.budget import BudgetState
from graph.document.store import DocumentStore
from graph.execution import Executor
from graph.execution_policy import ExecutionPolicy
from graph.operation_request import OperationRequest
from graph.plan.planner import Planner
from graph.schema.build import build_schema
from runtime.clock import CLOCK, Clock
from settings import load_settings
from tests.graph.limits import WIDE_LIMITS
from web.original_downloads import OriginalDownloads

_WORK = re.compile(rb'(?<="actual":)(\d+),"work":\d+')
_STOPPED = Clock(lambda: datetime(2026, 11, 30, tzinfo=UTC), lambda: 0.0)
VIEWERS = ["owner", "stranger", "admin", "signed out"]


class Unlimited:
    operation_limit = 2 * 10**9

    is_enforced = True
    points_per_database_ms = 0
    state = BudgetState(2 * 10**9, 2 * 10**9, 0, 1.0, as_of=0.0)

    async def charge(self, cost: int) -> BudgetState:
        return self.state

    def refund(self, amount: int) -> BudgetState:
        return self.state

    def spend_database_time(self, milliseconds: float) -> None:
        """It is not bounded."""


class Both:
    """Runs a query by plan and on graphql-core, for one viewer."""

    def __init__(
        self,
        database: AsyncDatabase,
        caller: Caller,
        cache: RootFieldCache | None = None,
        timeout_s: float = 30.0,
    ) -> None:
        self.database, self.caller = database, caller
        links = load_settings(None, secret_key="of addresses" * 4)
        self.originals = OriginalDownloads(links, database)
        self.schema = build_schema()
        documents = DocumentStore(self.schema.costs, WIDE_LIMITS)
        self.planner = Planner(self.schema, documents, cache, DataVersions(database))
        self.executor = Executor(
            self.schema, documents, self.planner, ExecutionPolicy(timeout_s=timeout_s)
        )

    def context(self, *, planned: bool) -> Context:
        return Context(
            database=self.database,
            jobs=None,  # queries start none
            job_feeds=None,  # nor watch any
            caller=self.caller,
            request_id="test",
            begin_sign_in=str,
            budget=Unlimited,
            record_operation=lambda _: None,
            callers_changed=lambda: None,
            write_rules=None,  # nor write anything
            executor=self.executor,
            originals=self.originals,
            switches=Switches(planned_execution=planned),
        )

    async def answers(self, query: str, variables: dict[str, Any]) -> tuple[bytes | None, bytes]:
        CLOCK.set(_STOPPED)
        fallbacks = self.planner.fallbacks.total()
        answers = []
        for planned in (True, False):
            context = self.context(planned=planned)
            result = await self.executor.execute(context, OperationRequest(query, variables))
            answers.append(_WORK.sub(rb"\1", result.body))
        by_plan, unplanned = answers
        return by_plan if self.planner.fallbacks.total() == fallbacks else None, unplanned


@contextmanager
def using_database(url: str, **changes: Any) -> Iterator[tuple[asyncio.Runner, AsyncDatabase]]:
    """An event loop and a database, which are closed whatever fails.

    No operation works for too long: both ways answer the same, but not in the same time.
    """
    bounds = {"database_url": url, "operation_database_time_s": 60, **changes}
    with asyncio.Runner() as runner:
        database = AsyncDatabase(load_settings(None, **bounds), application_name="test")
        try:
            yield runner, database
        finally:
            runner.run(database.close())


def caller(viewer: str, population: Any) -> Caller:
    if viewer == "signed out":
        return Caller(Viewer(sharing=True))
    if viewer == "admin":
        return Caller(
            Viewer(population.admin.account_id, None, is_admin=True, sharing=True), frozenset(Scope)
        )
    person = population.owner if viewer == "owner" else population.stranger
    scopes = frozenset({Scope.READ, Scope.SYNC})
    return Caller(
        Viewer(person.account_id, person.athlete_id, sharing=viewer == "stranger"), scopes
    )
