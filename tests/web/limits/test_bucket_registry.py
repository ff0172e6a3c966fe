"""Few of very many callers' buckets are kept, and what was spent of the others is not forgotten."""

import pytest

from tests.web.limits.test_cost_budget import SMALL, is_charged

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
