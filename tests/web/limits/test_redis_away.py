"""Redis killed, paused, flushed, full, closed to us: limits go on in this process, and nobody
waits.
"""

import asyncio
import logging
from time import monotonic

import pytest

from graph.cost.budget import BudgetExhausted
from tests.web.limits.conftest import STEADY, until
from tests.web.limits.test_cost_budget import ACCOUNT, SMALL, is_charged
from web.limits.request_rate import TooManyRequests

pytestmark = pytest.mark.anyio


async def test_without_redis_from_the_start_there_is_a_limit(limits, redis):
    redis.kill()
    made = limits(**SMALL)
    budget = made.budgets.of(ACCOUNT, "")
    assert (await budget.charge(600)).remaining == 400
    with pytest.raises(BudgetExhausted):
        await budget.charge(401)
    assert budget.refund(100).remaining == 500
    assert await is_charged(budget, 500)
    assert not await is_charged(budget, 1)
    assert (made.store.is_away, made.buckets.spent_alone) == (True, 4)


async def test_what_was_spent_before_is_not_forgotten_when_redis_goes(limits, redis):
    budget = limits(**SMALL).budgets.of(ACCOUNT, "")
    await budget.charge(900)
    redis.kill()
    assert (await budget.charge(10)).remaining == 90
    assert not await is_charged(budget, 91)


async def test_what_was_spent_meanwhile_is_settled_when_redis_is_back(limits, redis):
    made = limits(**SMALL)
    budget = made.budgets.of(ACCOUNT, "")
    await budget.charge(100)
    with redis.paused():
        await budget.charge(250)
        await until(lambda: made.store.is_away)
        await budget.charge(300)
    await until(lambda: not made.store.is_away)
    state = await budget.charge(50)
    # Redis may have taken 250, and a lease, in the moment it was paused: at most that is charged
    # twice.
    assert 300 - 250 - 20 <= state.remaining <= 300
    other = limits(**SMALL).budgets.of(ACCOUNT, "")
    assert (await other.charge(0)).remaining <= state.remaining


async def test_a_redis_that_was_restarted_goes_unnoticed_and_forgives_nothing(limits, redis):
    made = limits(**SMALL)
    budget = made.budgets.of(ACCOUNT, "")
    await budget.charge(900)
    redis.kill()
    redis.start()
    assert not await is_charged(budget, 101)
    assert await is_charged(budget, 100)
    assert (made.store.losses, made.buckets.spent_alone) == (0, 0)


@pytest.mark.parametrize(
    "command", [("FLUSHALL",), ("SCRIPT", "FLUSH"), ("CLIENT", "KILL", "TYPE", "normal")]
)
async def test_a_redis_that_forgets_is_told_again(limits, redis, command):
    made = limits(**SMALL)
    budget = made.budgets.of(ACCOUNT, "")
    await budget.charge(900)
    with redis.client() as client:
        client.execute_command(*command)
    assert not await is_charged(budget, 101)
    assert await is_charged(budget, 100)
    assert made.store.losses == 0


async def test_a_paused_redis_costs_one_short_wait(limits, redis, caplog):
    caplog.set_level(logging.WARNING)
    made = limits(**STEADY)
    budgets = [made.budgets.of(number, "") for number in range(20)]
    # more than a lease: Redis is asked each time
    await asyncio.gather(*(budget.charge(401) for budget in budgets))
    with redis.paused():
        began = monotonic()
        await asyncio.gather(*(budget.charge(401) for budget in budgets))
        assert 0.04 < monotonic() - began < 1
        until_s, waits_s = monotonic() + 2.5, []  # meanwhile Redis is looked for again
        while monotonic() < until_s:
            began = monotonic()
            await made.budgets.of(100, "").charge(1)
            waits_s.append(monotonic() - began)
            await asyncio.sleep(0.005)
        assert sorted(waits_s)[len(waits_s) // 2] < 0.04, "less than a wait for Redis"
        assert made.store.losses == 1
        assert len([each for each in caplog.records if "Redis is away" in each.message]) == 1
    await until(lambda: not made.store.is_away)
    alone = made.buckets.spent_alone
    await made.budgets.of(200, "").charge(401)
    assert made.buckets.spent_alone == alone


async def test_a_full_redis_is_the_same_as_none(limits, redis):
    made = limits(**SMALL)
    budget = made.budgets.of(ACCOUNT, "")
    await budget.charge(500)
    redis.command("CONFIG", "SET", "maxmemory", "1")
    assert (await budget.charge(400)).remaining == 100
    assert not await is_charged(budget, 101)
    await asyncio.sleep(2.3)  # it answers, but takes nothing: it is away still
    assert (made.store.is_away, made.store.losses) == (True, 1)
    redis.command("CONFIG", "SET", "maxmemory", "0")
    await until(lambda: not made.store.is_away)
    assert (await budget.charge(0)).remaining == 100


async def test_a_redis_that_wants_a_password_is_the_same_as_none(limits, redis):
    redis.command("CONFIG", "SET", "requirepass", "secret")
    made = limits(**SMALL, request_bucket_ip=2)
    await made.requests.admit("192.0.2.1")
    await made.requests.admit("192.0.2.1")
    with pytest.raises(TooManyRequests):
        await made.requests.admit("192.0.2.1")
    assert made.store.losses == 1


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1/0", "redis://nowhere.invalid:6379/0", "unix:///nowhere.sock"]
)
async def test_a_redis_that_is_nowhere_is_the_same_as_none(limits, url):
    budget = limits(**SMALL, redis_url=url).budgets.of(ACCOUNT, "")
    began = monotonic()
    assert await is_charged(budget, 1000)
    assert not await is_charged(budget, 1)
    assert monotonic() - began < 10


async def test_something_else_on_redis_port_is_the_same_as_none(limits):
    async def talk(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(talk, "127.0.0.1") as server:
        port = server.sockets[0].getsockname()[1]
        budget = limits(**SMALL, redis_url=f"redis://127.0.0.1:{port}/0").budgets.of(ACCOUNT, "")
        assert await is_charged(budget, 1000)
        assert not await is_charged(budget, 1)


async def test_a_busy_process_is_not_taken_for_a_slow_redis(limits):
    """The answer is there long before this process comes to read it."""
    from time import sleep

    made = limits()
    for number in range(10):
        charging = asyncio.create_task(made.budgets.of(number, "").charge(1))
        for _ in range(6):
            await asyncio.sleep(0)
        sleep(0.08)  # noqa: ASYNC251 - that is what it is about
        await charging
    assert made.store.losses == 0


async def test_budgets_that_filled_alone_are_full_when_redis_is_back(limits, redis):
    made = limits(cost_bucket_user=1000, cost_refill_user_per_s=2000)
    budget = made.budgets.of(ACCOUNT, "")
    await budget.charge(1000)
    redis.kill()
    for _ in range(3):
        await asyncio.sleep(0.4)
        assert await is_charged(budget, 700)
    redis.start()
    await until(lambda: not made.store.is_away)
    await asyncio.sleep(0.6)
    assert (await budget.charge(1)).remaining >= 998
