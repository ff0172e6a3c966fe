"""Five hundred requests at once on a pool of ten: none fails, none waits past the pool's timeout.

And PostgreSQL never has more connections of the process than pool and overflow allow. `-s` prints
what was seen.
"""

import asyncio
import re
import sys

import pytest

from tests.load.conftest import OVERFLOW, POOL_SIZE, POOL_TIMEOUT_S
from tests.load.crowd import Outcome, ask_at_once
from tests.load.pool_watch import watched
from tests.load.requests import (
    activities,
    change,
    page,
    rest_activities,
    rest_bests,
    rest_feedback,
    rest_me,
)

AT_ONCE = 500
REST = (rest_me, rest_activities, rest_bests, rest_feedback)
WAYS = {
    "by-plan": ((page,), {}),
    "on-graphql-core": ((activities,), {"planned_execution": "off"}),
    "mutations": ((change,), {}),
    "rest": (REST, {}),
    "all-ways-mixed": ((page, change, page, *REST), {}),
    "without-overflow": ((page, change), {"database_max_overflow": 0}),
    # the requests wait for each other on one connection, and 500 take 5 s of it
    "a-pool-of-one": (
        (page, change),
        {"database_pool_size": 1, "database_max_overflow": 0, "database_pool_timeout_s": 15.0},
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_of_many_accounts(serving, crowd, database_url, way):
    makes, changes = WAYS[way]
    _check(serving(**changes), crowd(AT_ONCE, *makes), database_url, way, changes)


@pytest.mark.parametrize("way", ["by-plan", "on-graphql-core", "mutations", "rest"])
def test_of_one_account_whose_operations_take_turns(serving, crowd, database_url, way):
    makes, changes = WAYS[way]
    api = serving(**changes)
    _check(api, crowd(AT_ONCE, *makes, accounts=1), database_url, f"{way}, one account", changes)
    assert api.gauges()["operations_waited_total"] > 0


def test_each_is_told_what_it_asked_for(serving, crowd, runners):
    """Connections that are shared by so many mix nothing up."""
    told = asyncio.run(ask_at_once(serving().address, crowd(AT_ONCE, page, change)))
    for number, answer in enumerate(told.answers):
        athlete_id = runners[number % len(runners)].athlete_id.encode()
        assert b'"id":"%b"' % athlete_id in answer.body
        if number % 2:
            # whichever of the account's own came last
            city = int(re.search(rb'"city":"(\d+)"', answer.body)[1])
            assert city % len(runners) == number % len(runners)
        else:
            assert answer.body.count(b'"distanceMeters"') == 5 + number % 5


def _check(api, requests, database_url, what, changes) -> None:
    most = changes.get("database_pool_size", POOL_SIZE) + changes.get(
        "database_max_overflow", OVERFLOW
    )
    before = api.gauges()["database_pool_timeouts_total"]
    with watched(database_url, "pacegraph-api") as seen:
        outcome = asyncio.run(ask_at_once(api.address, requests))
    sys.stdout.write(f"\n{what}: {outcome}\n  {seen}\n")
    assert _failed(outcome) == {}
    assert max(outcome.took_s) < changes.get("database_pool_timeout_s", POOL_TIMEOUT_S)
    assert api.gauges()["database_pool_timeouts_total"] == before
    assert min(6, most) <= seen.most <= most
    assert len(seen.looks) > 10


def _failed(outcome: Outcome) -> dict[str, int]:
    return {
        told: count for told, count in outcome.told.items() if told not in {"200", "201", "202"}
    }
