"""Plans answer as graphql-core does, to the byte: generated queries over the whole schema run
through both.

A plan that gives up leaves the query to graphql-core, so its errors are the same by construction;
how many give up is counted, for a test in which all do would compare nothing.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from redis.asyncio import Redis

from db.models import Scope
from db.session import AsyncDatabase
from db.statements.visibility import Viewer
from flags.switches import Switches
from graph.cache.data_versions import DataVersions
from graph.cache.key import DataKind
from graph.cache.root_field_cache import RootFieldCache
from graph.context import Caller, Context
from graph.cost.budget import BudgetState
from graph.document.store import DocumentStore
from graph.execution import ExecutionPolicy, Executor, OperationRequest
from graph.plan.planner import Planner
from graph.schema.build import build_schema
from settings import load_settings
from tests.graph.limits import WIDE_LIMITS
from tests.graph.plan.population import populate
from tests.graph.plan.queries import documents
from web.original_downloads import OriginalDownloads

EXAMPLES = 80
"""Generated queries of `make test`; `make test-whole` has more."""
WHOLE = pytest.param(300, marks=pytest.mark.whole)
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


@pytest.fixture(scope="module")
def population_url(clone):
    with clone() as url:
        yield url


@pytest.fixture(scope="module")
def population(connect_to, population_url):
    with connect_to(population_url) as connection:
        yield populate(connection)


class Both:
    """Runs a query by plan and on graphql-core, for one viewer."""

    def __init__(
        self, database: AsyncDatabase, caller: Caller, cache: RootFieldCache | None = None
    ) -> None:
        self.database, self.caller = database, caller
        links = load_settings(None, secret_key="of addresses" * 4)
        self.originals = OriginalDownloads(links, database)
        self.schema = build_schema()
        documents = DocumentStore(self.schema.costs, WIDE_LIMITS)
        self.planner = Planner(self.schema, documents, cache, DataVersions(database))
        self.executor = Executor(self.schema, documents, self.planner, ExecutionPolicy())

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
        fallbacks = self.planner.fallbacks.total()
        answers = []
        for planned in (True, False):
            context = self.context(planned=planned)
            answers.append(
                (await self.executor.execute(context, OperationRequest(query, variables))).body
            )
        by_plan, unplanned = answers
        return by_plan if self.planner.fallbacks.total() == fallbacks else None, unplanned


@contextmanager
def using_database(url: str) -> Iterator[tuple[asyncio.Runner, AsyncDatabase]]:
    """An event loop and a database, which are closed whatever fails.

    No operation works for too long: both ways answer the same, but not in the same time.
    """
    bounds = {"database_url": url, "operation_database_time_s": 60}
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


@pytest.fixture(scope="module")
def generated(population, request) -> list[tuple[str, dict[str, Any]]]:
    """What every viewer asks. To generate it takes longer than to compare the answers."""
    examples: int = request.param
    found: list[tuple[str, dict[str, Any]]] = []

    @seed(20261123)
    @settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck),
        # a query is read as easily as it would be shrunk, which takes minutes
        phases=[Phase.generate],
    )  # fmt: skip
    @given(documents(population.ids, population.cursors))
    def collect(document: tuple[str, dict[str, Any]]) -> None:
        found.append(document)

    collect()
    assert len(found) >= examples
    return found


@pytest.mark.parametrize("generated", [EXAMPLES, WHOLE], indirect=True)
@pytest.mark.parametrize("viewer", VIEWERS)
def test_plans_answer_as_graphql_core_does(population_url, population, generated, viewer):
    with using_database(population_url) as (runner, database):
        both = Both(database, caller(viewer, population))
        seen: Counter[str] = Counter()
        for query, variables in generated:
            planned, expected = runner.run(both.answers(query, variables))
            seen["planned" if planned is not None else "left"] += 1
            seen["with data"] += planned is not None and len(planned) > 100
            assert planned in {None, expected}, (query, variables)
    assert both.planner.fallbacks["failed"] == 0, both.planner.fallbacks
    assert seen["planned"] > len(generated) // 5, (seen, both.planner.fallbacks)
    assert viewer == "signed out" or seen["with data"] > len(generated) // 10, seen


@pytest.mark.parametrize("examples", [20, pytest.param(60, marks=pytest.mark.whole)])
def test_the_cache_answers_as_the_database_does_and_each_viewer_with_their_own(
    population_url, population, redis_url, examples
):
    """All viewers ask the same through one cache, twice and in turns."""
    with using_database(population_url) as (runner, database):
        redis = Redis.from_url(redis_url)
        cache = RootFieldCache(redis, dict.fromkeys(DataKind, 600.0), 4 * 1024 * 1024)
        viewers = [Both(database, caller(viewer, population), cache) for viewer in VIEWERS]

        @seed(20261124)
        @settings(
            max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck),
            phases=[Phase.generate],
        )  # fmt: skip
        @given(documents(population.ids, population.cursors))
        def compare(document: tuple[str, dict[str, Any]]) -> None:
            for viewer in (*viewers, *reversed(viewers)):
                planned, expected = runner.run(viewer.answers(*document))
                assert planned in {None, expected}, document

        try:
            compare()
        finally:
            for closing in (cache.close(), redis.aclose()):
                runner.run(closing)
    assert [viewer.planner.fallbacks["failed"] for viewer in viewers] == [0] * len(viewers)
    assert cache.counts["memory"] > examples // 3, cache.counts
    assert cache.counts["miss"] > examples // 4, cache.counts
