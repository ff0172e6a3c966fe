"""Turns: one at a time, callers in rotation, and who gives up or wants the same disturbs nobody."""

import asyncio

import pytest

from runtime.round_robin import RoundRobin, Ticket, TooManyWaiting

pytestmark = pytest.mark.anyio


class World:
    """Computations that take turns, in the order in which they had them."""

    def __init__(self, most: int = 100) -> None:
        self.turns, self.done = RoundRobin(most), []

    def begin(self, caller: str, name: str, ticket: Ticket | None = None) -> asyncio.Task[None]:
        return asyncio.create_task(self._run(ticket or self.turns.ask(caller), name))

    async def _run(self, ticket: Ticket, name: str) -> None:
        async with self.turns.turn(ticket):
            await asyncio.sleep(0.001)
            self.done.append(name)


async def test_callers_are_served_in_rotation_and_each_in_its_order():
    world = World()
    tasks = [world.begin("many", f"m{number}") for number in range(6)]
    tasks += [world.begin("few", f"f{number}") for number in range(2)]
    tasks.append(world.begin("one", "o0"))
    await asyncio.gather(*tasks)
    assert world.done == ["m0", "f0", "o0", "m1", "f1", "m2", "m3", "m4", "m5"]
    assert len(world.turns) == 0


async def test_who_had_no_turn_for_longest_is_next():
    world = World()
    many = [world.begin("many", f"m{number}") for number in range(4)]
    await world.begin("few", "f0")
    await asyncio.gather(world.begin("few", "f1"), world.begin("new", "n0"), *many)
    assert world.done == ["m0", "f0", "m1", "n0", "f1", "m2", "m3"]


async def test_what_two_callers_want_comes_with_the_first_turn_of_either():
    world = World()
    tasks = [world.begin("many", f"m{number}") for number in range(4)]
    ticket = world.turns.ask("many")
    tasks.append(world.begin("many", "shared", ticket))
    world.turns.share(ticket, "few")
    await asyncio.gather(*tasks)
    assert world.done == ["m0", "shared", "m1", "m2", "m3"]


async def test_who_gives_up_leaves_the_line_before_and_with_its_turn():
    world = World()
    first, second, third = (world.begin("a", name) for name in ("first", "second", "third"))
    await asyncio.sleep(0)
    second.cancel()
    await first
    third.cancel()  # has its turn by now
    await asyncio.gather(second, third, return_exceptions=True)
    await world.begin("b", "fourth")
    assert world.done == ["first", "fourth"]
    assert len(world.turns) == 0
    assert not world.turns.has("a")


async def test_who_has_many_waiting_makes_room_for_who_has_few():
    world = World(most=4)
    tasks = [world.begin("many", f"m{number}") for number in range(4)]
    with pytest.raises(TooManyWaiting):
        world.turns.ask("many")
    tasks.append(world.begin("few", "f0"))
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert world.done == ["m0", "f0", "m1", "m2"]
    assert [isinstance(each, TooManyWaiting) for each in ended] == [False] * 3 + [True, False]
    assert world.turns.refused == 2


async def test_lines_of_equal_length_make_no_room_for_each_other():
    world = World(most=3)
    tasks = [world.begin(caller, caller) for caller in "abc"]
    with pytest.raises(TooManyWaiting):
        world.turns.ask("d")
    await asyncio.gather(*tasks)
    assert world.done == ["a", "b", "c"]


async def test_at_the_end_those_that_wait_are_refused():
    world = World()
    tasks = [world.begin("a", f"a{number}") for number in range(3)]
    await asyncio.sleep(0)
    world.turns.close()
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(each, TooManyWaiting) for each in ended] == [False, True, True]
    assert len(world.turns) == 0
