"""Redis being away is skipped, logged once a minute and counted, until it answers again."""

import logging

import pytest

from runtime import redis_outage
from runtime.redis_outage import RedisOutage

logger = logging.getLogger("pacegraph.test")


@pytest.fixture
def clock(monkeypatch):
    """The outage's clock, in seconds, that a test moves."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(redis_outage, "monotonic", lambda: Clock.now)
    return Clock


@pytest.fixture
def messages(caplog):
    caplog.set_level(logging.INFO, "pacegraph.test")
    return lambda: [each.message for each in caplog.records]


def test_nothing_is_away_at_first(clock):
    assert not RedisOutage(logger, "away").is_away


def test_redis_is_away_until_it_answers_again(clock):
    outage = RedisOutage(logger, "away")
    outage.begin(ConnectionError("refused"))
    clock.now += 86_400
    assert outage.is_away
    outage.end()
    assert not outage.is_away


def test_after_retry_s_one_asks_again(clock):
    outage = RedisOutage(logger, "away", retry_s=1.0)
    outage.begin(ConnectionError("refused"))
    clock.now += 0.9
    assert outage.is_away
    clock.now += 0.1
    assert not outage.is_away


def test_every_failure_is_counted_and_one_a_minute_logged(clock, messages):
    outage = RedisOutage(logger, "away, so what", retry_s=1.0)
    for _ in range(121):
        outage.begin(ConnectionError("refused"))
        clock.now += 1
    assert outage.losses == 121
    assert messages() == ["away, so what"] * 3


def test_the_line_names_the_error(clock, caplog):
    RedisOutage(logger, "away").begin(ConnectionError("refused"))
    [record] = caplog.records
    assert (record.levelname, record.error) == ("WARNING", "ConnectionError: refused")
    assert record.exc_info is None


def test_an_unexpected_error_is_logged_with_its_traceback(clock, caplog):
    try:
        raise ValueError("nonsense")
    except ValueError as error:
        RedisOutage(logger, "away").begin(error, exc_info=True)
    assert caplog.records[0].exc_info[1].args == ("nonsense",)


def test_the_level_is_the_users(clock, caplog):
    caplog.set_level(logging.DEBUG, "pacegraph.test")
    RedisOutage(logger, "away", level=logging.INFO).begin(OSError())
    RedisOutage(logger, "away", level=logging.INFO).begin(OSError(), level=logging.DEBUG)
    assert [each.levelname for each in caplog.records] == ["INFO", "DEBUG"]


def test_the_end_is_logged_once_where_the_beginning_was(clock, messages):
    outage = RedisOutage(logger, "away", end_message="back")
    outage.end()
    outage.begin(OSError())
    outage.end()
    outage.end()
    clock.now += 1
    outage.begin(OSError())  # within the minute: neither this nor its end
    outage.end()
    assert messages() == ["away", "back"]
    clock.now += 60
    outage.begin(OSError())
    outage.end()
    assert messages() == ["away", "back"] * 2
