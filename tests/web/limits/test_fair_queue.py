"""Turns: so many at once, in order, and none lost whatever becomes of those who wait."""

import asyncio
import random

import pytest

from web.limits.fair_queue import FairQueue, TooManyOperations, Wait

pytestmark = pytest.mark.anyio


def turns(at_once: int = 2, waiting: int = 10, wait_s: float = 5) -> FairQueue:
    return FairQueue(at_once, waiting=waiting, wait_s=wait_s)


async def acquire(queue: FairQueue, caller: object) -> None:
    await queue.acquire(caller, Wait(), is_limited=True)


def nothing_is_left(made: FairQueue) -> bool:
    return (made.under_way, made.waiting) == (0, 0)


async def test_so_many_run_at_once_and_the_others_wait_in_order():
    made, order = turns(), []

    async def operation(number: int) -> None:
        await acquire(made, "a")
        order.append(number)
        await asyncio.sleep(0)
        assert made.under_way == 2 or number >= 8
        made.release("a")

    await asyncio.gather(*(operation(number) for number in range(10)))
    assert order == list(range(10))
    assert made.waited == 8
    assert nothing_is_left(made)


async def test_a_free_turn_is_taken_without_waiting():
    made = turns()
    assert [made.try_acquire("a"), made.try_acquire("a"), made.try_acquire("a")] == [
        True,
        True,
        False,
    ]
    assert made.try_acquire("b")
    made.release("a")
    assert made.try_acquire("a")


async def test_nobody_passes_those_who_wait():
    made = turns(at_once=1)
    await acquire(made, "a")
    waiting = asyncio.create_task(acquire(made, "a"))
    await asyncio.sleep(0)
    made.release("a")
    assert not made.try_acquire("a")  # the turn is the waiting one's, who does not know it yet
    await waiting


async def test_more_than_may_wait_are_refused():
    made = turns(at_once=1, waiting=2)
    await acquire(made, "a")
    waiting = [asyncio.create_task(acquire(made, "a")) for _ in range(2)]
    await asyncio.sleep(0)
    with pytest.raises(TooManyOperations) as refusal:
        await acquire(made, "a")
    assert (refusal.value.status, refusal.value.code) == (429, "TOO_MANY_OPERATIONS")
    assert refusal.value.headers == {"retry-after": "1"}
    await acquire(made, "b")
    for task in waiting:
        made.release("a")
        await task
    made.release("a")
    made.release("b")
    assert made.refused == 1
    assert nothing_is_left(made)


async def test_nobody_waits_for_ever():
    made = turns(at_once=1, wait_s=0.05)
    await acquire(made, "a")
    with pytest.raises(TooManyOperations):
        await acquire(made, "a")
    made.release("a")
    assert nothing_is_left(made)


async def test_a_request_waits_no_longer_in_two_queues_than_in_one_and_counts_once():
    first, second, wait = turns(at_once=1, wait_s=0.2), turns(at_once=1, wait_s=0.2), Wait()
    for made in (first, second):
        await acquire(made, "a")
    loop = asyncio.get_running_loop()
    loop.call_later(0.15, first.release, "a")
    began = loop.time()
    await first.acquire("a", wait, is_limited=True)
    with pytest.raises(TooManyOperations):
        await second.acquire("a", wait, is_limited=True)
    assert 0.19 < loop.time() - began < 0.3
    assert not await second.acquire_in_time("a", wait, is_limited=True)  # nothing is left
    assert (first.waited, second.waited, second.refused) == (1, 0, 1)


async def test_who_waited_before_is_served_and_given_up_in_the_order_of_coming():
    made, order = turns(at_once=1, wait_s=3), []

    async def operation(name: str, waited_s: float) -> None:
        try:
            await made.acquire("a", Wait(waited_s), is_limited=True)
        except TooManyOperations:
            order.append(f"{name} refused")
        else:
            order.append(name)
            made.release("a")

    await acquire(made, "a")
    came = {"new": 0, "old": 1, "oldest": 2.9, "newest": 0}
    async with asyncio.TaskGroup() as tasks:
        for name, waited_s in came.items():
            tasks.create_task(operation(name, waited_s))
        await asyncio.sleep(0.2)
        made.release("a")
    assert order == ["oldest refused", "old", "new", "newest"]
    assert nothing_is_left(made)


async def test_who_goes_away_while_waiting_leaves_no_gap():
    made = turns(at_once=1)
    await acquire(made, "a")
    gone, stays = (asyncio.create_task(acquire(made, "a")) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    made.release("a")  # in the same moment: the one who is gone must not have it
    await stays
    assert gone.cancelled() or gone.cancelling()
    made.release("a")
    assert nothing_is_left(made)


async def test_who_goes_away_in_the_moment_of_the_turn_passes_it_on():
    made = turns(at_once=1)
    await acquire(made, "a")
    gone, stays = (asyncio.create_task(acquire(made, "a")) for _ in range(2))
    await asyncio.sleep(0)
    made.release("a")
    gone.cancel()
    await stays
    made.release("a")
    assert nothing_is_left(made)


@pytest.mark.parametrize("seed", range(20))
async def test_no_turn_is_lost_whatever_happens(seed):
    chance, made = random.Random(seed), turns(at_once=3, waiting=20, wait_s=0.02)
    running = {"a": 0, "b": 0}

    async def operation() -> None:
        caller = chance.choice("ab")
        await acquire(made, caller)
        running[caller] += 1
        assert running[caller] <= 3
        try:
            await asyncio.sleep(chance.choice([0, 0, 0.001, 0.01]))
        finally:
            running[caller] -= 1
            made.release(caller)

    tasks = []
    for _ in range(150):
        tasks.append(asyncio.create_task(operation()))
        if chance.random() < 0.3:
            await asyncio.sleep(chance.choice([0, 0.001]))
        if chance.random() < 0.4:
            chance.choice(tasks).cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert {type(each) for each in outcomes} <= {
        type(None),
        TooManyOperations,
        asyncio.CancelledError,
    }
    assert nothing_is_left(made)


async def test_who_asks_little_does_not_wait_for_those_who_ask_much():
    made = turns(at_once=4)
    await acquire(made, "heavier")
    await asyncio.sleep(0.1)
    await acquire(made, "heavy")
    await asyncio.sleep(0.1)
    assert not made.try_acquire("heavy")  # a crowd has two slots
    waiting = [asyncio.create_task(acquire(made, caller)) for caller in ("heavier", "heavy")]
    await asyncio.sleep(0)
    assert made.try_acquire("light")
    made.release("light")
    made.release("heavier")
    await asyncio.sleep(0)
    # who took less, before who asked first
    assert [task.done() for task in waiting] == [False, True]
    for caller in ("heavy", "heavy", "heavier"):
        made.release(caller)
        await asyncio.sleep(0)
    assert nothing_is_left(made)


async def test_a_caller_alone_has_all_its_turns():
    made = turns(at_once=4)
    for _ in range(4):
        await acquire(made, "a")
    assert made.under_way == 4
