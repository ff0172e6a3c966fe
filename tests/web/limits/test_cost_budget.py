"""Budgets: charged before, given back after, shared by processes, never more than there is."""

import asyncio
import logging

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis import Redis

from flags.flags import Flags
from graph.cost.budget import BudgetExhausted, BudgetState
from graph.cost.charge import Charge
from runtime.work_meter import WorkMeter
from settings import load_settings
from tests.conftest import SECRETS
from tests.web.limits.conftest import STEADY, OwnRedis
from web.limits.headers import rate_limit_headers
from web.limits.limits import Limits
from web.limits.token_bucket import BucketSize

pytestmark = pytest.mark.anyio

SMALL = {**STEADY, "cost_bucket_user": 1000, "cost_limit": 1000, "cost_bucket_ip": 100}
ACCOUNT, LEASE = 7, 20


async def is_charged(budget, cost: int) -> bool:
    try:
        await budget.charge(cost)
    except BudgetExhausted:
        return False
    return True


async def test_what_is_charged_is_gone_until_time_brings_it_back(limits):
    budget = limits(cost_bucket_user=1000, cost_refill_user_per_s=100).budgets.of(ACCOUNT, "")
    state = await budget.charge(900)
    assert (state.limit, state.remaining, state.cost) == (1000, 100, 900)
    with pytest.raises(
        BudgetExhausted, match="of 1000 left and the operation costs 150"
    ) as refusal:
        await budget.charge(150)
    assert refusal.value.extensions == {"code": "RATE_LIMITED", "cost": 150, "retryAfterSeconds": 1}
    await asyncio.sleep(0.6)
    assert await is_charged(budget, 150)


async def test_what_is_given_back_can_be_spent_at_once(limits):
    budget = limits(**SMALL).budgets.of(ACCOUNT, "")
    await budget.charge(1000)
    assert not await is_charged(budget, 10)
    assert budget.refund(600).remaining == 600
    assert (await budget.charge(600)).remaining == 0
    assert not await is_charged(budget, 1)


async def test_a_charge_at_hand_is_one_that_was_settled_at_once(limits):
    """It needs a lease for what the operation may cost, and takes what it did."""
    budget = limits(**SMALL).budgets.of(ACCOUNT, "")
    await budget.charge(100)  # brings a lease
    state = budget.charge_now(LEASE, 3)
    assert state is not None
    assert state.remaining == 897
    assert budget.charge_now(LEASE - 2, 1) is None  # 17 are left of the lease
    assert budget.charge_now(1, LEASE - 2) is None
    assert budget.charge_now(LEASE - 3, 1).remaining == 896


async def test_an_event_pays_for_what_it_has_and_a_refused_one_gives_nothing_back(limits):
    budgets = limits(**SMALL).budgets
    budget = budgets.of(ACCOUNT, "")
    charge = Charge(budget, 400, await budget.charge(400))
    charge.settle(3)
    await charge.repeat(budget)
    charge.settle(7)
    assert charge.state.remaining == 990
    assert (budgets.charged, budgets.refunded) == (800, 790)
    await budget.charge(900)
    with pytest.raises(BudgetExhausted):
        await charge.repeat(budget)
    charge.settle(1)
    assert charge.state.remaining <= 89


async def test_time_beyond_the_objects_is_charged_beside_them(limits):
    budget = limits(**SMALL, cost_per_database_ms=25).budgets.of(ACCOUNT, "")
    await budget.charge(5)
    charge = Charge(budget, 10, await budget.charge(10), searches=True, reading=5)
    work = WorkMeter()
    work.add(4.101)  # of which 0.1 are free
    work.add_own(2.0)
    charge.spend_database_time(work)
    charge.settle(8)
    told = {"requested": 10, "actual": 8, "work": 5 + 6 * 25 - 8, "remaining": 1000 - 5 - 150}
    assert charge.report().items() >= told.items()
    charge.settle(8)
    assert charge.report().items() >= told.items(), "a second time takes nothing more"
    charge.settle(2000)
    assert (charge.actual, charge.work) == (10, 5 + 6 * 25 - 10), "no more than was requested"
    await charge.repeat(budget)
    charge.settle(3)
    assert (charge.actual, charge.work) == (3, 0), "the next event begins anew"
    assert charge.state.remaining == 1000 - 5 - 150 - 3


async def test_time_that_the_objects_pay_for_costs_nothing_more(limits):
    budget = limits(**SMALL, cost_per_database_ms=25).budgets.of(ACCOUNT, "")
    charge, work = Charge(budget, 400, await budget.charge(400)), WorkMeter()
    work.add(20.0, cpu_ms=2.2)  # it waited for a core most of the time
    charge.spend_database_time(work)
    charge.settle(60)
    assert (charge.actual, charge.work, charge.state.remaining) == (60, 0, 940)


async def test_what_is_given_back_reaches_other_processes(limits, redis):
    first, second = limits(**SMALL).budgets.of(ACCOUNT, ""), limits(**SMALL).budgets.of(ACCOUNT, "")
    await first.charge(1000)
    first.refund(700)
    await asyncio.sleep(2.2)  # nobody asks: the next sweep settles it
    assert (await second.charge(700)).remaining == 0


async def test_more_is_never_given_back_than_fits(limits):
    budget = limits(**SMALL).budgets.of(ACCOUNT, "")
    await budget.charge(10)
    assert budget.refund(5000).remaining == 1000
    await budget.charge(1000)
    assert not await is_charged(budget, LEASE + 1)


async def test_callers_have_budgets_of_their_own(limits):
    budgets = limits(**SMALL).budgets
    await budgets.of(1, "192.0.2.1").charge(1000)
    assert (await budgets.of(2, "192.0.2.1").charge(1)).remaining == 999
    await budgets.of(None, "192.0.2.1").charge(100)
    assert not await is_charged(budgets.of(None, "192.0.2.1"), 1)
    assert await is_charged(budgets.of(None, "192.0.2.2"), 1)


async def test_an_operation_may_cost_no_more_than_the_bucket_holds(limits):
    budgets = limits(cost_limit=500, cost_bucket_user=1000, cost_bucket_ip=100).budgets
    assert (budgets.of(1, "").operation_limit, budgets.of(None, "a").operation_limit) == (500, 100)


async def test_addresses_are_not_in_redis(limits, redis):
    made = limits()
    await made.budgets.of(None, "192.0.2.44").charge(1)
    await made.requests.admit("192.0.2.44")
    with redis.client() as client:
        keys = sorted(client.keys())
    assert [key.rpartition(":")[0] for key in keys] == [
        "pacegraph:budget:address",
        "pacegraph:requests:address",
    ]
    assert not any("192" in key for key in keys)


async def test_buckets_expire_once_they_are_full(limits, redis):
    await limits(cost_bucket_user=1000, cost_refill_user_per_s=10).budgets.of(ACCOUNT, "").charge(5)
    await (
        limits(cost_bucket_user=2_000_000_000, cost_refill_user_per_s=1e-9)
        .budgets.of(8, "")
        .charge(5)
    )
    assert redis.command("TTL", "pacegraph:budget:account:7") in {100, 101}
    assert redis.command("TTL", "pacegraph:budget:account:8") > 10**8


async def test_a_nearly_empty_budget_is_known_exactly(limits):
    """Two processes, one unit at a time: leases must not hide the last ones."""
    first, second = limits(**SMALL).budgets.of(ACCOUNT, ""), limits(**SMALL).budgets.of(ACCOUNT, "")
    spent = 0
    while await is_charged(first, 1) or await is_charged(second, 1):
        spent += 1
    assert 1000 - LEASE < spent <= 1000
    await asyncio.sleep(2.2)  # what either had leased is back by now
    while await is_charged(first, 1) or await is_charged(second, 1):
        spent += 1
    assert spent == 1000


@pytest.mark.parametrize("cost", [1, 7, 30, 400])
async def test_many_at_once_in_two_processes_spend_no_more_than_there_is(limits, cost):
    budgets = [limits(**SMALL).budgets.of(ACCOUNT, "") for _ in range(2)]
    charged = await asyncio.gather(*(is_charged(budgets[n % 2], cost) for n in range(1500)))
    assert 1000 - 2 * LEASE - cost < sum(charged) * cost <= 1000


async def test_refusals_do_not_ask_redis(limits, redis):
    budget = limits(**SMALL).budgets.of(ACCOUNT, "")
    await budget.charge(1000)
    assert not await is_charged(budget, 10)
    before = redis.command("INFO", "commandstats")["cmdstat_evalsha"]["calls"]
    assert not any([await is_charged(budget, 10) for _ in range(200)])
    assert redis.command("INFO", "commandstats")["cmdstat_evalsha"]["calls"] <= before + 1


async def test_leases_and_batches_keep_redis_off_the_way(limits, redis):
    budget = limits(cost_bucket_user=100_000).budgets.of(ACCOUNT, "")
    for _ in range(1000):
        await budget.charge(1)
    assert redis.command("INFO", "commandstats")["cmdstat_evalsha"]["calls"] <= 3
    budgets = limits().budgets
    await asyncio.gather(*(budgets.of(number, "").charge(1) for number in range(100, 400)))
    assert redis.command("INFO", "commandstats")["cmdstat_evalsha"]["calls"] <= 8


async def test_an_empty_budget_takes_what_costs_nothing(limits):
    budget = limits(**SMALL).budgets.of(ACCOUNT, "")
    assert (await budget.charge(1000)).remaining == 0
    assert (await budget.charge(0)).remaining == 0


async def test_report_mode_refuses_nothing_and_tells_once(limits, caplog):
    caplog.set_level(logging.WARNING)
    made = limits(**SMALL)
    budget = made.budgets.of(ACCOUNT, "", is_enforced=False)
    await budget.charge(990)
    assert [(await budget.charge(20)).remaining for _ in range(5)] == [10] * 5
    await budget.charge(10)
    await budget.charge(1)
    assert (made.budgets.would_be_refused, made.budgets.refused) == (6, 0)
    [record] = [each for each in caplog.records if "would be refused" in each.message]
    assert (record.budget, record.cost) == ("pacegraph:budget:account:7", 20)


async def test_a_caller_who_goes_away_loses_nothing(limits):
    budget = limits(**SMALL).budgets.of(ACCOUNT, "")
    for rounds in range(6):  # ended before, while and after Redis is asked
        charging = asyncio.create_task(budget.charge(500))
        for _ in range(rounds):
            await asyncio.sleep(0)
        charging.cancel()
        with pytest.raises(asyncio.CancelledError):
            await charging
        await asyncio.sleep(0.05)
    assert (await budget.charge(0)).remaining == 1000


async def test_a_caller_who_goes_away_in_the_moment_of_the_answer_loses_nothing(limits):
    made = limits(**SMALL)
    budget = made.budgets.of(ACCOUNT, "")
    bucket = made.buckets.find("budget", ACCOUNT, BucketSize(1000, 1))
    charging = asyncio.create_task(budget.charge(500))
    await asyncio.sleep(0)
    while bucket.asks:  # noqa: ASYNC110 - it must be this very round of the loop
        await asyncio.sleep(0)
    charging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await charging
    assert (await budget.charge(0)).remaining == 1000


async def test_those_who_come_while_a_lease_is_fetched_do_not_fetch_another(limits, redis):
    """Else each fetch takes the lease from those who come next, and nobody stops asking."""
    large = {**STEADY, "cost_bucket_user": 10**6, "cost_limit": 10**6}
    budget = limits(**large).budgets.of(ACCOUNT, "")

    async def operations(number: int) -> None:
        await asyncio.sleep(number / 10_000)  # some come while the first lease is fetched
        for _ in range(50):
            await budget.charge(1)
            await asyncio.sleep(0.0003)

    before = fetches(redis)
    await asyncio.gather(*map(operations, range(30)))
    assert fetches(redis) - before <= 10


def fetches(redis: OwnRedis) -> int:
    with redis.client() as client:
        stats = client.info("commandstats")
    return int(stats.get("cmdstat_evalsha", {"calls": 0})["calls"])


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["charge", "refund", "cancel", "sweep"]),
        st.integers(0, 1),
        st.integers(0, 300),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(operations=OPERATIONS, at_once=st.integers(1, 8))
def test_two_processes_keep_the_books_together(redis_server_url, operations, at_once):
    """Whatever two processes do at once, what is spent and what Redis holds in the end make up the
    whole.
    """
    asyncio.run(_keep_books(redis_server_url, operations, at_once))


async def _keep_books(url: str, operations, at_once: int) -> None:
    with Redis.from_url(url, decode_responses=True) as client:
        client.flushall()
        changed = load_settings(None, redis_url=url, **SECRETS, **SMALL)
        # A busy machine is not to pass for a Redis that is away.
        processes = [Limits.from_settings(changed, Flags(changed), patience_s=10) for _ in range(2)]
        spent = taken_along = 0

        async def run(kind: str, process: int, amount: int) -> None:
            nonlocal spent, taken_along
            budget = processes[process].budgets.of(ACCOUNT, "")
            if kind == "charge":
                before = spent
                taken = await is_charged(budget, amount)
                spent += amount if taken else 0
                assert spent <= 1000
                assert taken or amount > 0
                if not taken and at_once == 1:
                    assert before + amount > 1000 - 2 * LEASE - taken_along
            elif kind == "refund" and amount <= spent:
                spent -= amount
                assert budget.refund(amount).remaining <= 1000
            elif kind == "cancel":
                charging = asyncio.create_task(budget.charge(amount))
                await asyncio.sleep(amount / 100_000)
                charging.cancel()
                [outcome] = await asyncio.gather(charging, return_exceptions=True)
                spent += amount if isinstance(outcome, BudgetState) else 0
                # Redis may have answered all the same: then the one process has it, and the other
                # does without.
                taken_along += 0 if isinstance(outcome, BudgetState) else amount
            elif kind == "sweep":
                processes[process].buckets.sweep()

        try:
            for first in range(0, len(operations), at_once):
                await asyncio.gather(*(run(*each) for each in operations[first : first + at_once]))
        finally:
            for process in processes:
                await process.close()
        assert not any(process.store.losses for process in processes)
        left = client.hget("pacegraph:budget:account:7", "level")
    assert round(float(left or 1000) + spent, 3) == 1000


def test_the_headers_are_those_of_the_draft():
    state = BudgetState(limit=20_000, remaining=19_950, cost=50, refill_per_s=400)
    assert rate_limit_headers(state) == [
        (b"ratelimit-policy", b'"cost";q=20000;w=50'),
        (b"ratelimit", b'"cost";r=19950;t=1'),
    ]
    refused = BudgetState(limit=20_000, remaining=10, cost=500, refill_per_s=400, retry_after_s=1.2)
    assert rate_limit_headers(refused, b"requests")[1] == (b"ratelimit", b'"requests";r=10;t=2')
    full = BudgetState(limit=10, remaining=10, cost=0, refill_per_s=1, as_of=0)
    assert rate_limit_headers(full)[1] == (b"ratelimit", b'"cost";r=10;t=0')
    assert full.reset_at.isoformat() == "1970-01-01T00:00:00+00:00"


def test_a_bucket_that_never_fills_has_a_date_all_the_same():
    state = BudgetState(
        limit=2_000_000_000, remaining=0, cost=0, refill_per_s=1e-9, retry_after_s=2e18
    )
    assert state.reset_at.year > 2050
    assert BudgetExhausted(state).retry_after_s == 10**9
    assert rate_limit_headers(state)[1] == (b"ratelimit", b'"cost";r=0;t=1000000000')
