"""One task looks at the streams of a process, when they are to be looked at."""

import asyncio

import pytest

from web.limits.stream_rounds import StreamRounds

pytestmark = pytest.mark.anyio


class Stream:
    def __init__(self, rounds, every_s=0.0, *, fails=False):
        self.rounds, self.every_s, self.fails = rounds, every_s, fails
        self.look_at, self.looked = 0.0, 0
        self.has_left = False

    def look(self, now):
        self.looked += 1
        self.look_at = now + self.every_s
        if self.fails:
            raise ZeroDivisionError

    def leave(self):
        self.has_left = True
        self.rounds.leave(self)


def tasks():
    return len(asyncio.all_tasks())


async def test_each_is_looked_at_when_it_is_time(caplog):
    rounds, before = StreamRounds(), tasks()
    often, seldom, failing = (
        Stream(rounds),
        Stream(rounds, 60),
        Stream(rounds, fails=True),
    )
    for each in (failing, often, seldom):
        rounds.enter(each)
    assert tasks() == before + 1
    await asyncio.sleep(0.5)
    assert often.looked >= 3
    assert seldom.looked == 1
    assert failing.looked >= 2
    assert "a stream could not be looked at" in caplog.text
    for each in (failing, often, seldom):
        rounds.leave(each)
    await asyncio.sleep(0.25)
    assert tasks() == before


async def test_all_leave_at_once_when_the_process_stops():
    rounds, before = StreamRounds(), tasks()
    streams = [Stream(rounds, 60) for _ in range(3)]
    for each in streams:
        rounds.enter(each)
    await asyncio.sleep(0.15)
    rounds.stopping.set()
    await asyncio.sleep(0.01)
    assert all(each.has_left for each in streams)
    late = Stream(rounds)
    rounds.enter(late)
    await asyncio.sleep(0.01)
    assert late.has_left
    await asyncio.sleep(0.01)
    assert tasks() == before


async def test_one_that_takes_a_moment_to_leave_takes_no_time_of_others():
    class Slow(Stream):
        told = 0

        def leave(self):
            self.told += 1

    rounds = StreamRounds()
    slow = Slow(rounds)
    rounds.enter(slow)
    rounds.stopping.set()
    await asyncio.sleep(0.1)
    rounds.leave(slow)
    assert 1 <= slow.told <= 12
