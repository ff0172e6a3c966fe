"""All who ask for the same thing at once share one computation."""

import asyncio

import pytest

from runtime.single_flight import SingleFlight

pytestmark = pytest.mark.anyio


class Computation:
    """Computes when it is let go, and counts how often it was begun."""

    def __init__(self):
        self.begun = 0
        self.go_on = asyncio.Event()

    async def __call__(self):
        self.begun += 1
        await self.go_on.wait()
        return self.begun


async def test_those_who_ask_at_once_share_one_computation():
    flights, compute = SingleFlight(), Computation()
    waiting = [asyncio.create_task(flights.run("key", compute)) for _ in range(5)]
    await asyncio.sleep(0)
    assert len(flights) == 1
    assert "key" in flights
    compute.go_on.set()
    assert await asyncio.gather(*waiting) == [1] * 5
    assert len(flights) == 0
    assert await flights.run("key", compute) == 2


async def test_each_key_has_its_own():
    flights, compute = SingleFlight(), Computation()
    compute.go_on.set()
    found = await asyncio.gather(flights.run("a", compute), flights.run("b", compute))
    assert (found, compute.begun) == ([1, 2], 2)


async def test_a_failure_reaches_all_who_wait_and_is_not_kept():
    async def fail():
        await asyncio.sleep(0)
        raise LookupError("gone")

    flights = SingleFlight()
    waiting = [flights.run("key", fail) for _ in range(3)]
    found = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(each) for each in found] == ["gone"] * 3
    assert len(flights) == 0


async def test_a_computation_outlives_the_caller_that_began_it():
    flights, compute = SingleFlight(), Computation()
    first = asyncio.create_task(flights.run("key", compute))
    await asyncio.sleep(0)
    second = asyncio.create_task(flights.run("key", compute))
    await asyncio.sleep(0)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    compute.go_on.set()
    assert (await second, compute.begun) == (1, 1)


async def test_a_failure_that_no_caller_waits_for_is_not_reported_as_lost():
    lost = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: lost.append(context))

    async def fail():
        raise LookupError

    flights = SingleFlight()
    flights.join("key", fail)
    await flights.wait(1)
    await asyncio.sleep(0)
    assert (len(flights), lost) == (0, [])


async def test_after_forget_the_next_caller_begins_anew_and_old_results_are_not_noted():
    noted = []
    flights = SingleFlight(lambda key, task: noted.append((key, task.result())))
    old, new = Computation(), Computation()
    new.begun = 10
    first = asyncio.create_task(flights.run("key", old))
    await asyncio.sleep(0)
    flights.forget()
    second = asyncio.create_task(flights.run("key", new))
    await asyncio.sleep(0)
    old.go_on.set()
    assert await first == 1
    assert "key" in flights
    new.go_on.set()
    assert await second == 11
    assert noted == [("key", 11)]


async def test_the_result_is_noted_before_callers_go_on():
    seen = []
    flights = SingleFlight(lambda key, _: seen.append(key))
    compute = Computation()
    compute.go_on.set()

    async def ask():
        await flights.run("key", compute)
        return list(seen)

    assert await asyncio.gather(ask(), ask()) == [["key"], ["key"]]


async def test_wait_covers_what_was_forgotten():
    flights, compute = SingleFlight(), Computation()
    flight = flights.join("key", compute)
    await asyncio.sleep(0)
    flights.forget()
    await flights.wait(0.01)
    assert not flight.done()
    compute.go_on.set()
    await flights.wait(1)
    assert flight.result() == 1
