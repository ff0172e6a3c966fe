"""The time at Strava, as machines know it whose own clocks and Redis's say other times."""

import pytest

from strava.shared_quota.clock import Reading, StravaClock

NOON = 20_000 * 86_400 + 12 * 3600.0
DAY_S = 86_400


@pytest.fixture
def clock():
    """Knows at noon what time it is, from an answer to machine `a`, whose clock has run 1,000 s."""
    made = StravaClock()
    made.learn(Reading("a", 1000.0, NOON), NOON, 0.2)
    return made


def restarted(ran_s, shared_s, clock):
    """What a machine reads that started 50 s before its first request, `ran_s` seconds ago."""
    clock.touch(Reading("b", 50.0, NOON))
    return Reading("b", 50.0 + ran_s, shared_s)


@pytest.mark.parametrize("jump_s", [0, 90_000, -90_000])
def test_no_time_has_passed_for_a_machine_that_has_had_no_answer(clock, jump_s):
    now = clock.now(Reading("b", 50.0, NOON + 600 + jump_s))
    assert now.earliest_s == NOON
    assert now.latest_s > NOON + 300 * DAY_S


def test_its_own_clock_runs_from_there(clock):
    now = clock.now(restarted(3600, NOON + 3600, clock))
    assert now.earliest_s == pytest.approx(NOON + 3600, abs=1)
    assert now.earliest_s <= NOON + 3600


def test_an_answer_that_fits_redis_tells_it_the_time(clock):
    reading = restarted(0, NOON + 600, clock)
    clock.learn(reading, NOON + 600, 0.2)
    now = clock.now(reading)
    assert (now.earliest_s, now.latest_s) == (NOON + 600, pytest.approx(NOON + 601.2))


def test_an_answer_that_fits_nothing_tells_it_when_another_agrees(clock):
    reading = restarted(0, NOON + 90_000, clock)
    clock.learn(reading, NOON + 600, 0.2)
    assert clock.now(reading).earliest_s == NOON
    clock.learn(reading, NOON + 601, 0.2)
    assert clock.now(reading).earliest_s == NOON + 601


def test_a_date_of_before_is_not_believed(clock):
    reading = restarted(0, NOON + 600, clock)
    clock.learn(reading, NOON - 3600, 0.2)
    assert clock.now(reading).earliest_s == NOON


def test_a_borrowed_time_is_kept_as_text(clock):
    reading = restarted(60, NOON + 60, clock)
    again = StravaClock.from_json(clock.as_json())
    assert again.now(reading) == clock.now(reading)


def test_of_many_machines_the_newest_are_known(clock):
    for number in range(100):
        clock.touch(Reading(f"machine {number}", 10.0, NOON))
    assert len(clock.anchors) == 32
    assert clock.now(Reading("machine 99", 20.0, NOON)).earliest_s == pytest.approx(
        NOON + 10, abs=1
    )
