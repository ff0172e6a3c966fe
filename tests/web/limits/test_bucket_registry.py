"""Few of very many callers' buckets are kept, and what was spent of the others is not forgotten.

Leases in use are renewed before they end.
"""

import asyncio
from time import monotonic

import pytest

from tests.web.limits.conftest import until
from tests.web.limits.test_cost_budget import ACCOUNT, LEASE, SMALL, is_charged

pytestmark = pytest.mark.anyio


async def test_a_bucket_that_makes_room_is_settled_and_comes_back_as_it_was(limits, monkeypatch):
    monkeypatch.setattr("web.limits.bucket_registry._MOST_KNOWN", 2)
    made = limits(**SMALL)
    assert (await made.budgets.of(1, "").charge(900)).remaining == 100
    for account in (2, 3, 4):
        assert await is_charged(made.budgets.of(account, ""), 1)
    again = made.budgets.of(1, "")
    assert not await is_charged(again, 101)
    assert await is_charged(again, 60)


async def test_a_lease_in_use_is_renewed_before_it_ends(limits, monkeypatch):
    monkeypatch.setattr("web.limits.token_bucket._LEASE_S", 0.3)
    monkeypatch.setattr("web.limits.token_bucket._AHEAD_S", 0.2)
    budget = limits(**SMALL).budgets.of(ACCOUNT, "")
    await budget.charge(10)
    began, spent = monotonic(), 10
    while monotonic() - began < 1:
        state = budget.charge_now(1, 1)
        assert state is not None, f"it ended after {monotonic() - began} s"
        spent += 1
        assert state.remaining == 1000 - spent
        await asyncio.sleep(0.02)


async def test_a_lease_that_is_nearly_spent_is_filled_up_and_no_more_is_taken(limits):
    first, second = (limits(**SMALL).budgets.of(ACCOUNT, "") for _ in range(2))
    await first.charge(100)
    assert first.charge_now(LEASE, LEASE - 2).remaining == 882
    assert first.charge_now(LEASE, 1) is None, "2 are left, until Redis answers"
    await until(lambda: first.charge_now(LEASE, 0) is not None)
    assert first.charge_now(LEASE + 1, 0) is None
    assert (await second.charge(1)).remaining == 1000 - 100 - (LEASE - 2) - LEASE - 1
    assert await is_charged(second, 900 - (LEASE - 2) - LEASE - 1)
    assert not await is_charged(second, 1), "the rest is the first's"


async def test_what_is_given_back_while_a_lease_is_renewed_stays_the_callers(limits):
    budget = limits(**SMALL).budgets.of(ACCOUNT, "")
    await budget.charge(100)
    assert budget.charge_now(LEASE, LEASE - 2) is not None
    await asyncio.sleep(0)  # Redis is asked
    assert budget.refund(LEASE - 2).remaining == 900
    await asyncio.sleep(0.05)
    assert budget.charge_now(LEASE + 1, 0) is None
    assert budget.charge_now(LEASE, 0).remaining == 900
    assert (await budget.charge(880)).remaining == 20
