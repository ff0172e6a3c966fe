"""Budgets of time in the database, beside those of points."""

import asyncio

import pytest

from graph.cost.budget import BudgetExhausted, DatabaseTimeExhausted
from settings import load_settings
from tests.web.limits.conftest import STEADY, until

pytestmark = pytest.mark.anyio

TIME = {
    **STEADY,
    "database_time_user_ms": 1000,
    "database_time_refill_user_ms_per_s": 100,
    "database_time_ip_ms": 100,
    "database_time_refill_ip_ms_per_s": 1,
}
ACCOUNT = 7


async def test_a_debt_of_time_is_refused_until_it_is_paid(limits):
    made = limits(**TIME)
    budget = made.budgets.of(ACCOUNT, "")
    await budget.charge(1)
    budget.spend_database_time(999)
    await budget.charge(1)  # a little is left
    budget.spend_database_time(81)
    with pytest.raises(DatabaseTimeExhausted) as refusal:
        await budget.charge(1)
    assert refusal.value.extensions["code"] == "DATABASE_TIME_EXHAUSTED"
    assert refusal.value.extensions["retryAfterSeconds"] == 1
    assert made.budgets.refused_for_time == 1
    await asyncio.sleep(2.2)  # what came back is known once it was settled
    await budget.charge(1)


async def test_callers_have_times_of_their_own(limits):
    budgets = limits(**TIME).budgets
    budgets.of(ACCOUNT, "192.0.2.1").spend_database_time(5000)
    budgets.of(None, "192.0.2.1").spend_database_time(150)
    for account, address in ((ACCOUNT, ""), (None, "192.0.2.1")):
        with pytest.raises(DatabaseTimeExhausted):
            await budgets.of(account, address).charge(1)
    await budgets.of(8, "192.0.2.1").charge(1)
    await budgets.of(None, "192.0.2.2").charge(1)


async def test_processes_share_the_time(limits):
    first, second = limits(**TIME), limits(**TIME)
    second.budgets.of(ACCOUNT, "").spend_database_time(1)
    first.budgets.of(ACCOUNT, "").spend_database_time(1800)

    async def refuse():
        while True:
            # what is settled once a second is known then
            second.budgets.of(ACCOUNT, "").spend_database_time(0.01)
            await second.budgets.of(ACCOUNT, "").charge(1)
            await asyncio.sleep(0.1)

    with pytest.raises(DatabaseTimeExhausted):
        await asyncio.wait_for(refuse(), 6)


async def test_without_redis_the_time_is_kept_in_the_process(limits, redis):
    made = limits(**TIME)
    await made.budgets.of(ACCOUNT, "").charge(1)
    redis.kill()
    made.budgets.of(ACCOUNT, "").spend_database_time(1500)
    with pytest.raises(DatabaseTimeExhausted):
        await made.budgets.of(ACCOUNT, "").charge(1)
    await until(lambda: made.store.is_away)
    with pytest.raises(DatabaseTimeExhausted):
        await made.budgets.of(ACCOUNT, "").charge(1)


async def test_points_beyond_what_was_requested_become_a_debt(limits, redis):
    changes = {**STEADY, "cost_bucket_user": 1000, "cost_refill_user_per_s": 1}
    budget = limits(**changes).budgets.of(ACCOUNT, "")
    await budget.charge(10)
    assert budget.refund(-1500).remaining == 0
    with pytest.raises(BudgetExhausted) as refusal:
        await budget.charge(1)
    assert refusal.value.retry_after_s > 500
    await budget.charge(0)  # what costs nothing may always be asked


async def test_a_debt_is_bounded(limits):
    budget = limits(**{**TIME, "database_time_refill_user_ms_per_s": 500}).budgets.of(ACCOUNT, "")
    budget.spend_database_time(10**9)
    with pytest.raises(DatabaseTimeExhausted) as refusal:
        await budget.charge(1)
    assert refusal.value.retry_after_s == 2


def test_by_default_a_caller_has_half_of_the_pool():
    settings = load_settings(None)
    pool = settings.most_connections
    assert settings.operations_at_once == pool // 2
    assert (
        load_settings(None, database_pool_size=1, database_max_overflow=0).operations_at_once == 1
    )
    assert load_settings(None, concurrent_operations=3).operations_at_once == 3
