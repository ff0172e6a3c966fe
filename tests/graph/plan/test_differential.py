"""Plans answer as graphql-core does, to the byte: generated queries over the whole schema run
through both.

A plan that gives up leaves the query to graphql-core, so its errors are the same by construction;
how many give up is counted, for a test in which all do would compare nothing.
"""

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings
from redis.asyncio import Redis

from graph.cache.key import DataKind
from graph.cache.root_field_cache import RootFieldCache
from tests.graph.plan.both_ways import VIEWERS, Both, caller, using_database
from tests.graph.plan.queries import documents

EXAMPLES = 80
"""Generated queries of `make test`; `make test-whole` has more."""
WHOLE = pytest.param(300, marks=pytest.mark.whole)


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
def test_plans_answer_as_graphql_core_does(population_url, population, generated, viewer, reached):
    with using_database(population_url, **reached(population_url)) as (runner, database):
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
    population_url, population, redis_url, examples, reached
):
    """All viewers ask the same through one cache, twice and in turns."""
    with using_database(population_url, **reached(population_url)) as (runner, database):
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


THREE = "id name distanceMeters"
LISTS_BELOW = f"athlete {{ activities(first: 20) {{ nodes {{ {THREE} }} }} }}"
LISTS = {
    "a short list before": f"nodes {{ id }} edges {{ node {{ {THREE} }} }}",
    "a short list after": f"edges {{ node {{ {THREE} }} }} nodes {{ id __typename }}",
    "names of types": f"nodes {{ {THREE} }} edges {{ __typename }} n: nodes {{ __typename }}",
    "lists in a short one": f"nodes {{ {THREE} }} n: nodes {{ {LISTS_BELOW} }}",
    "lists before": f"edges {{ a: node {{ {LISTS_BELOW} }} b: node {{ {THREE} }} }}",
    "lists after": f"edges {{ b: node {{ {THREE} }} a: node {{ {LISTS_BELOW} }} cursor }} totalCount",
    "fields twice": f"nodes {{ n: name d: distanceMeters e: distanceMeters {THREE} name }}",
}


def test_lists_of_one_connection_answer_alike(population_url, population, reached):
    """Some of its lists show what is kept with the rows, others hardly any of it."""
    with using_database(population_url, **reached(population_url)) as (runner, database):
        both = Both(database, caller("owner", population))
        for what, lists in LISTS.items():
            query = f"{{ viewer {{ athlete {{ activities(first: 20) {{ {lists} }} }} }} }}"
            planned, expected = runner.run(both.answers(query, {}))
            assert planned == expected, (what, both.planner.fallbacks)
            assert b'"errors"' not in expected
            assert len(expected) > 1000, what
