"""Parts add up to the answer that is sent at once: for generated queries, by plan and on
graphql-core, in both forms, for several viewers.
"""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from redis.asyncio import Redis

from graph.cache.key import DataKind
from graph.cache.root_field_cache import RootFieldCache
from graph.delivery.writer import PartsForm
from graph.global_id import encode_id
from graph.operation_request import OperationRequest, OperationResult
from tests import factories as make
from tests.graph.delivery.merging import errors_of, merged
from tests.graph.delivery.putting_off import documents_in_parts
from tests.graph.plan.both_ways import Both, Unlimited, caller, using_database

EXAMPLES = 20
"""Generated queries of `make test`; `make test-whole` has more."""
WHOLE = pytest.param(400, marks=pytest.mark.whole)


class InParts(Both):
    """Runs a query at once and in parts."""

    async def payloads(
        self, request: OperationRequest, form: PartsForm, *, planned: bool
    ) -> list[dict[str, Any]]:
        sent: list[OperationResult] = []
        context = self.context(planned=planned)
        await self.executor.deliver(context, request, form, sent.append)
        assert [each.has_next for each in sent] == [True] * (len(sent) - 1) + [False]
        return [orjson.loads(each.body) for each in sent]

    async def at_once(self, request: OperationRequest) -> dict[str, Any]:
        body = (await self.executor.execute(self.context(planned=True), request)).body
        answer: dict[str, Any] = orjson.loads(body)
        return answer


@pytest.mark.parametrize("examples", [EXAMPLES, WHOLE])
def test_parts_add_up_to_the_answer_that_is_sent_at_once(population_url, population, examples):
    seen: Counter[str] = Counter()
    with using_database(population_url) as (runner, database):
        viewers = [InParts(database, caller(each, population)) for each in ("owner", "admin")]

        @seed(20261129)
        @settings(
            max_examples=examples, deadline=None, database=None,
            suppress_health_check=list(HealthCheck), phases=[Phase.generate],
        )  # fmt: skip
        @given(documents_in_parts(population.ids, population.cursors))
        def compare(document: tuple[str, dict[str, Any]]) -> None:
            request = OperationRequest(*document)
            for viewer, form in zip(viewers, PartsForm, strict=True):
                expected = runner.run(viewer.at_once(request))
                for planned in (True, False):
                    found = runner.run(viewer.payloads(request, form, planned=planned))
                    seen["in parts" if len(found) > 1 else "at once"] += 1
                    check(found, expected, document)

        compare()
        failed = [each.planner.fallbacks["failed"] for each in viewers]
    assert failed == [0, 0]
    assert seen["in parts"] > examples // 2, seen


RUNS = """query($id: ID!) { athlete(id: $id) { activities(first: 2) {
  nodes { id ... @defer { name sportType } } totalCount ... @defer { again: totalCount } } } }"""


def test_all_parts_show_the_data_of_one_moment(population_url, population, connect_to):
    athlete_id = population.owner.athlete_id
    request = OperationRequest(RUNS, {"id": encode_id("Athlete", athlete_id)})
    sent: list[OperationResult] = []
    with (
        using_database(population_url) as (runner, database),
        connect_to(population_url) as connection,
    ):
        viewer = InParts(database, caller("owner", population))
        before = runner.run(viewer.at_once(request))["data"]

        def write_after_the_first(part: OperationResult) -> None:
            if not sent:
                make.create_activity(
                    connection, athlete_id, started_at=datetime(2030, 1, 1, tzinfo=UTC)
                )
            sent.append(part)

        deliver = viewer.executor.deliver(
            viewer.context(planned=True), request, PartsForm.BY_ID, write_after_the_first
        )
        runner.run(deliver)
        after = runner.run(viewer.at_once(request))["data"]
        connection.exec_driver_sql("DELETE FROM activities WHERE started_at >= '2030-01-01'")
    assert len(sent) == 3
    assert merged([orjson.loads(each.body) for each in sent]) == before
    assert after != before


EMPTY = [
    "... @defer { } id",
    "... @defer { activities(first: 2) { } } id",
    "activities(first: 2) { } ... @defer { activities(first: 2) { nodes { id } totalCount } }",
    "activities(first: 2) { nodes { id } } ... @defer { activities(first: 2) { nodes { } pageInfo { } } }",
    "activities(first: 3) { nodes @stream(initialCount: 1) { } }",
    "activities(first: 3) { nodes @stream(initialCount: 1) { ... @defer { } } }",
]


def test_what_is_put_off_may_select_nothing(population_url, population):
    id_ = encode_id("Athlete", population.owner.athlete_id)
    with using_database(population_url) as (runner, database):
        viewer = InParts(database, caller("owner", population))
        for selection in EMPTY:
            request = OperationRequest(f'{{ athlete(id: "{id_}") {{ {selection} }} }}', {})
            expected = runner.run(viewer.at_once(request))
            for form in PartsForm:
                for planned in (True, False):
                    found = runner.run(viewer.payloads(request, form, planned=planned))
                    check(found, expected, (selection, form, planned))
    assert viewer.planner.fallbacks["failed"] == 0


CACHED = """query($id: ID!) { athlete(id: $id) {
  ... @defer { personalBests { distance elapsedTimeSeconds } } id } }"""


def test_parts_fill_the_cache_and_come_out_of_it_at_once(population_url, population, redis_url):
    id_ = encode_id("Athlete", population.owner.athlete_id)
    request = OperationRequest(CACHED, {"id": id_})
    with using_database(population_url) as (runner, database):
        redis = Redis.from_url(redis_url)
        cache = RootFieldCache(redis, dict.fromkeys(DataKind, 600.0), 4 * 1024 * 1024)
        viewer = InParts(database, caller("owner", population), cache)
        first, again = (
            runner.run(viewer.payloads(request, PartsForm.BY_ID, planned=True)) for _ in range(2)
        )
        uncached = InParts(database, caller("owner", population))
        [expected] = [runner.run(uncached.at_once(request))["data"]]
        for closing in (cache.close(), redis.aclose()):
            runner.run(closing)
    assert (len(first), len(again)) == (2, 1)
    assert merged(first) == expected
    assert orjson.dumps(again[0]["data"]) == orjson.dumps(expected)
    assert cache.counts == {"miss": 1, "memory": 1}


FAILING = """query($id: ID!) {
  ... @defer(label: "outer") { node(id: $id) { id ... on Athlete {
    ... @defer(label: "inner") { sex }
    activities(first: 2) { nodes { elevationGainMeters ... @defer { name } } } } } }
  athletes(first: 1) { nodes { id } }
  ... @defer { personalBests: athlete(id: $id) { personalBests { distance } } } }"""
ONE_CONNECTION = {
    "database_pool_size": 1, "database_max_overflow": 0, "database_pool_timeout_s": 2,
}  # fmt: skip
GAINS = "UPDATE activities SET elevation_gain_m = {} WHERE athlete_id = %(athlete)s AND elevation_gain_m = {}"


@pytest.mark.parametrize("form", PartsForm)
def test_where_a_plan_fails_on_the_way_graphql_core_answers_the_rest(
    population_url, population, connect_to, form
):
    """A number that is none, which no plan can read and graphql-core makes an error of."""
    athlete_id = population.owner.athlete_id
    request = OperationRequest(FAILING, {"id": encode_id("Athlete", athlete_id)})
    with (
        using_database(population_url, **ONE_CONNECTION) as (runner, database),
        connect_to(population_url) as connection,
    ):
        viewer = InParts(database, caller("owner", population))
        connection.exec_driver_sql(GAINS.format("'NaN'", 12), {"athlete": athlete_id})
        try:
            found = runner.run(viewer.payloads(request, form, planned=True))
            context = viewer.context(planned=False)
            expected = orjson.loads(runner.run(viewer.executor.execute(context, request)).body)
        finally:
            connection.exec_driver_sql(GAINS.format(12, "'NaN'"), {"athlete": athlete_id})
    assert viewer.planner.fallbacks == {"failed": 1}
    assert merged(found) == expected["data"]
    assert [each["path"] for each in errors_of(found)] == [
        each["path"] for each in expected["errors"]
    ]
    assert errors_of(found)
    costs = [each["extensions"]["cost"]["actual"] for each in (found[-1], expected)]
    assert costs[0] == costs[1]


def test_a_part_that_takes_too_long_ends_with_an_error_and_is_paid(
    population_url, population, connect_to
):
    request = OperationRequest(
        """query($id: ID!) { athlete(id: $id) { id ... @defer { personalBests { distance } }
        ... @defer(label: "never") { activities { totalCount } } } }""",
        {"id": encode_id("Athlete", population.owner.athlete_id)},
    )
    with (
        using_database(population_url) as (runner, database),
        connect_to(population_url) as connection,
    ):
        viewer = InParts(database, caller("owner", population), timeout_s=1.5)
        connection.exec_driver_sql("BEGIN; LOCK TABLE personal_bests IN ACCESS EXCLUSIVE MODE")
        try:
            found = runner.run(viewer.payloads(request, PartsForm.BY_ID, planned=True))
        finally:
            connection.exec_driver_sql("ROLLBACK")
        again = runner.run(viewer.payloads(request, PartsForm.BY_ID, planned=True))
    first, last = found
    assert [each["id"] for each in last["completed"]] == [each["id"] for each in first["pending"]]
    for each, path in zip(errors_of(found), (["athlete"], ["athlete"]), strict=True):
        assert (each["extensions"]["code"], each["path"]) == ("TIMEOUT", path)
    cost = last["extensions"]["cost"]
    assert cost["actual"] == cost["requested"]
    assert not errors_of(again)


def test_each_part_costs_what_it_takes(population_url, population, monkeypatch):
    count = 16
    monkeypatch.setattr(Unlimited, "points_per_database_ms", 25)
    id_ = encode_id("Athlete", population.owner.athlete_id)
    parts = " ".join(
        f"... @defer {{ a{n}: activities(first: 1) {{ nodes {{ id }} }} }}" for n in range(count)
    )
    request = OperationRequest(f'{{ athlete(id: "{id_}") {{ id {parts} }} }}')
    with using_database(population_url) as (runner, database):
        viewer = InParts(database, caller("owner", population))
        found = runner.run(viewer.payloads(request, PartsForm.BY_ID, planned=True))
        cost = found[-1]["extensions"]["cost"]
        again = runner.run(viewer.at_once(request))["extensions"]["cost"]
    assert len(found) == count + 1
    assert cost["actual"] == again["actual"]
    assert cost["actual"] + cost["work"] >= count * 7


def test_the_schema_is_read_at_once(population_url, population):
    request = OperationRequest("{ ... @defer { __schema { types { name } } } }")
    with using_database(population_url) as (runner, database):
        viewer = InParts(database, caller("owner", population))
        [answer] = runner.run(viewer.payloads(request, PartsForm.BY_ID, planned=True))
    assert answer["data"]["__schema"]["types"]
    assert (viewer.planner.planned, viewer.planner.fallbacks) == (1, {})


def test_who_leaves_pays_what_was_sent(population_url, population):
    request = OperationRequest(
        """query($id: ID!) { athlete(id: $id) { id
        ... @defer { activities(first: 900) { nodes { name } } } } }""",
        {"id": encode_id("Athlete", population.owner.athlete_id)},
    )
    with using_database(population_url) as (runner, database):
        viewer = InParts(database, caller("owner", population))
        context, sent = viewer.context(planned=True), []

        async def leave_after_the_first() -> None:
            delivery = asyncio.ensure_future(
                viewer.executor.deliver(
                    context,
                    request,
                    PartsForm.BY_ID,
                    lambda part: (sent.append(part), delivery.cancel()),
                )
            )
            await asyncio.wait([delivery])
            assert delivery.cancelled()

        runner.run(leave_after_the_first())
    assert (len(sent), context.charge.actual) == (1, 1)


def check(found: list[dict[str, Any]], expected: dict[str, Any], document: Any) -> None:
    if len(found) == 1:
        assert found[0].get("data") == expected.get("data"), document
        return
    if "errors" in expected:  # a null ends at its fragment, so there may be more data
        known = {each["message"] for each in expected["errors"]}
        assert {each["message"] for each in errors_of(found)} <= known | {None}, document
        return
    assert not errors_of(found), (document, errors_of(found))
    assert merged(found) == expected["data"], document
    costs = [each["extensions"]["cost"]["actual"] for each in (found[-1], expected)]
    assert costs[0] == costs[1], (document, costs)


TWO = """query($a: ID!, $b: ID!, $no: Boolean!) {
  one: athlete(id: $a) @include(if: $no) { id }
  two: athlete(id: $b) { id }
  one: athlete(id: $a) { id ... @defer { personalBests { distance } } } }"""


def test_each_root_field_is_kept_as_its_own(population_url, population, redis_url):
    ids = [
        encode_id("Athlete", each.athlete_id) for each in (population.owner, population.stranger)
    ]
    request = OperationRequest(TWO, {"a": ids[0], "b": ids[1], "no": False})
    with using_database(population_url) as (runner, database):
        redis = Redis.from_url(redis_url)
        cache = RootFieldCache(redis, dict.fromkeys(DataKind, 600.0), 4 * 1024 * 1024)
        viewer = InParts(database, caller("admin", population), cache)
        first, again = (
            runner.run(viewer.payloads(request, PartsForm.BY_ID, planned=True)) for _ in range(2)
        )
        for closing in (cache.close(), redis.aclose()):
            runner.run(closing)
    assert (len(first), len(again)) == (2, 1)
    assert merged(first) == again[0]["data"]
