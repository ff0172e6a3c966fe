"""Slots of sign-ins: few of an address, addresses in turn, and a budget of failures."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from flags.flags import Flags
from strava.errors import (
    StravaBadData,
    StravaRequestRefused,
    StravaUnauthorized,
    StravaUnavailable,
    StravaUnreadable,
)
from web.auth.sign_in_errors import SignInFailed, TooManyFailedSignIns, TooManySignIns
from web.auth.sign_in_slots import SignInFailures, SignInSlots
from web.limits.limits import Limits
from web.limits.token_bucket import BucketSize

pytestmark = pytest.mark.anyio


class Line:
    """Sign-ins that note their address when they get a slot, and hold it until told."""

    def __init__(self, slots):
        self.slots, self.order, self.tasks = slots, [], []

    async def join(self, *addresses):
        for address in addresses:
            self.tasks.append(asyncio.create_task(self._hold(address)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    async def _hold(self, address):
        async with self.slots.slot(address):
            self.order.append(address)
            await asyncio.sleep(0.01)

    async def end(self):
        return await asyncio.gather(*self.tasks, return_exceptions=True)


async def test_an_address_has_few_of_the_slots_and_the_others_are_free():
    line = Line(SignInSlots(at_once=4, per_address=2, wait_s=5))
    await line.join("a", "a", "a", "a", "b")
    assert line.order == ["a", "a", "b"]
    assert (line.slots.running, line.slots.waiting) == (3, 2)
    await line.end()
    assert line.order == ["a", "a", "b", "a", "a"]
    assert (line.slots.running, line.slots.waiting) == (0, 0)


async def test_addresses_take_turns():
    line = Line(SignInSlots(at_once=1, per_address=1, wait_s=5))
    await line.join("a", "a", "a", "a", "b", "c", "b")
    await line.end()
    assert line.order == ["a", "a", "b", "c", "a", "b", "a"]


async def test_the_longest_queue_gives_way_when_all_are_full():
    line = Line(SignInSlots(at_once=2, per_address=2, wait_s=5))
    await line.join(*["a"] * 18)  # 2 run, and 16 wait, which is all that may
    assert line.slots.waiting == 16
    await line.join("b", "a")
    results = await line.end()
    assert [isinstance(each, TooManySignIns) for each in results] == [
        *[False] * 17, True, False, True,
    ]  # fmt: skip
    assert line.order.index("b") <= 3


async def test_a_sign_in_that_waits_too_long_is_refused_and_leaves_nothing():
    slots = SignInSlots(at_once=1, per_address=1, wait_s=0.02)
    async with slots.slot("a"):
        with pytest.raises(TooManySignIns):
            async with slots.slot("b"):
                pass
        assert slots.waiting == 0
    async with slots.slot("b"):
        pass
    assert slots.running == 0


async def test_a_sign_in_that_is_cancelled_leaves_nothing():
    slots = SignInSlots(at_once=1, per_address=1, wait_s=5)
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(slots.slot("a"))
        line = Line(slots)
        await line.join("b", "c")
        line.tasks[0].cancel()
        await asyncio.sleep(0)
    line.tasks[1].cancel()  # in the moment in which it gets the slot
    await line.end()
    assert (slots.running, slots.waiting) == (0, 0)
    async with slots.slot("d"):
        pass


@pytest.fixture
async def failures(settings):
    limits = Limits.from_settings(settings, Flags(settings))
    yield SignInFailures(BucketSize(3, 0.5), limits.buckets)
    await limits.close()


async def test_failures_have_a_budget_for_each_address(failures):
    for _ in range(20):
        failures.give_back(await failures.take("192.0.2.1"))
    for _ in range(3):
        await failures.take("192.0.2.1")
    with pytest.raises(TooManyFailedSignIns) as refused:
        await failures.take("192.0.2.1")
    assert int(refused.value.headers["retry-after"]) in {1, 2}
    await failures.take("192.0.2.2")


async def test_answers_to_many_failures_are_held_back(failures):
    delays = [failures.delay_s("192.0.2.1") for _ in range(14)]
    assert delays[:10] == [0] * 10
    assert delays[10:13] == pytest.approx([2, 4, 5], abs=0.1)
    assert failures.delay_s("192.0.2.2") == 0


@pytest.mark.parametrize(
    ("failure", "is_the_clients"),
    [
        (StravaUnauthorized("authorization code"), True),
        (StravaRequestRefused("code", "of the request is refused: invalid"), True),
        (StravaUnreadable("body", "is a web page"), False),
        (StravaBadData("access_token", "is missing"), False),
        (StravaUnavailable("HTTP status 503"), False),
    ],
)
def test_bad_moments_of_strava_are_nobodys_failures(failure, is_the_clients):
    assert SignInFailed(failure).is_failure is is_the_clients
