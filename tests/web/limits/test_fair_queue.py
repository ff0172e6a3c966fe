"""Turns: so many at once, in order, and none lost whatever becomes of those who wait."""

import asyncio
import random

import pytest

from web.limits.turns import TooManyOperations, Turns

pytestmark = pytest.mark.anyio


def turns(at_once: int = 2, waiting: int = 10, wait_s: float = 5) -> Turns:
    return Turns(at_once, waiting=waiting, wait_s=wait_s)


def nothing_is_left(made: Turns) -> bool:
    idle = all(not use.taken and not use.line for use in made._uses.values())
    return idle and (made.under_way, made.waiting, made._waiting) == (0, 0, {})


async def test_so_many_run_at_once_and_the_others_wait_in_order():
    made, order = turns(), []

    async def operation(number: int) -> None:
        await made.take("a")
        order.append(number)
        await asyncio.sleep(0)
        assert made.under_way == 2 or number >= 8
        made.give_back("a")

    await asyncio.gather(*(operation(number) for number in range(10)))
    assert order == list(range(10))
    assert made.waited == 8
    assert nothing_is_left(made)


async def test_a_free_turn_is_taken_without_waiting():
    made = turns()
    assert [made.try_take("a"), made.try_take("a"), made.try_take("a")] == [True, True, False]
    assert made.try_take("b")
    made.give_back("a")
    assert made.try_take("a")


async def test_nobody_passes_those_who_wait():
    made = turns(at_once=1)
    await made.take("a")
    waiting = asyncio.create_task(made.take("a"))
    await asyncio.sleep(0)
    made.give_back("a")
    assert not made.try_take("a")  # the turn is the waiting one's, who does not know it yet
    await waiting


async def test_more_than_may_wait_are_refused():
    made = turns(at_once=1, waiting=2)
    await made.take("a")
    waiting = [asyncio.create_task(made.take("a")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyOperations) as refusal:
        await made.take("a")
    assert (refusal.value.status, refusal.value.code) == (429, "TOO_MANY_OPERATIONS")
    assert refusal.value.headers == {"retry-after": "1"}
    await made.take("b")
    for task in waiting:
        made.give_back("a")
        await task
    made.give_back("a")
    made.give_back("b")
    assert made.refused == 1
    assert nothing_is_left(made)


async def test_nobody_waits_for_ever():
    made = turns(at_once=1, wait_s=0.05)
    await made.take("a")
    with pytest.raises(TooManyOperations):
        await made.take("a")
    made.give_back("a")
    assert nothing_is_left(made)


async def test_who_goes_away_while_waiting_leaves_no_gap():
    made = turns(at_once=1)
    await made.take("a")
    gone, stays = (asyncio.create_task(made.take("a")) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    made.give_back("a")  # in the same moment: the one who is gone must not have it
    await stays
    assert gone.cancelled() or gone.cancelling()
    made.give_back("a")
    assert nothing_is_left(made)


async def test_who_goes_away_in_the_moment_of_the_turn_passes_it_on():
    made = turns(at_once=1)
    await made.take("a")
    gone, stays = (asyncio.create_task(made.take("a")) for _ in range(2))
    await asyncio.sleep(0)
    made.give_back("a")
    gone.cancel()
    await stays
    made.give_back("a")
    assert nothing_is_left(made)


@pytest.mark.parametrize("seed", range(20))
async def test_no_turn_is_lost_whatever_happens(seed):
    chance, made = random.Random(seed), turns(at_once=3, waiting=20, wait_s=0.02)
    running = {"a": 0, "b": 0}

    async def operation() -> None:
        caller = chance.choice("ab")
        if not made.try_take(caller):
            await made.take(caller)
        running[caller] += 1
        assert running[caller] <= 3
        try:
            await asyncio.sleep(chance.choice([0, 0, 0.001, 0.01]))
        finally:
            running[caller] -= 1
            made.give_back(caller)

    tasks = []
    for _ in range(150):
        tasks.append(asyncio.create_task(operation()))
        if chance.random() < 0.3:
            await asyncio.sleep(chance.choice([0, 0.001]))
        if chance.random() < 0.4:
            chance.choice(tasks).cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(each) for each in outcomes} <= {type(None), TooManyOperations, asyncio.CancelledError}
    assert nothing_is_left(made)


async def test_who_asks_little_does_not_wait_for_those_who_ask_much():
    made = turns(at_once=4)
    await made.take("heavier")
    await asyncio.sleep(0.1)
    await made.take("heavy")
    await asyncio.sleep(0.1)
    assert not made.try_take("heavy")  # two turns are what a crowd has
    waiting = [asyncio.create_task(made.take(caller)) for caller in ("heavier", "heavy")]
    await asyncio.sleep(0)
    assert made.try_take("light")
    made.give_back("light")
    made.give_back("heavier")
    await asyncio.sleep(0)
    assert [task.done() for task in waiting] == [False, True]  # who took less, before who asked first
    for caller in ("heavy", "heavy", "heavier"):
        made.give_back(caller)
        await asyncio.sleep(0)
    assert nothing_is_left(made)


async def test_a_caller_alone_has_all_its_turns():
    made = turns(at_once=4)
    for _ in range(4):
        await made.take("a")
    assert made.under_way == 4
