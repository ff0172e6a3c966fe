"""Lines of a kind are bounded, and those left out are counted."""

import io
import json
import logging
import sys

import pytest

import logs
from logs.repeats import Repeats
from tests.logs.log_state import logs_restored

logger = logging.getLogger("web.flood")


@pytest.fixture
def lines(settings, monkeypatch):
    """Sends logs to standard error as a process of a name does; gives the lines written since."""
    stream = io.StringIO()

    def set_up(process):
        monkeypatch.setattr(sys, "stderr", stream)
        logs.set_up(settings.model_copy(update={"log_format": "json"}), process)
        return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]

    with logs_restored():
        yield set_up


def test_twenty_at_once_then_one_a_second(monkeypatch):
    now = 100.0
    monkeypatch.setattr("logs.repeats.monotonic", lambda: now)
    repeats = Repeats()
    assert [repeats.admit("a") for _ in range(30)] == [0] * 20 + [None] * 10
    assert repeats.admit("b") == 0
    now += 1.5
    assert [repeats.admit("a") for _ in range(3)] == [10, None, None]
    assert repeats.total == 12


def test_warnings_of_the_api_are_bounded(lines):
    written = lines("api")
    for number in range(100):
        logger.warning("flooded", extra={"number": number})
        logger.info("told", extra={"number": number})
    logger.warning("another kind")
    found = [line["message"] for line in written()]
    assert (found.count("told"), found.count("another kind")) == (100, 1)
    assert 20 <= found.count("flooded") <= 21
    assert logs.left_out_lines() == 100 - found.count("flooded")


def test_a_line_tells_how_many_were_left_out(lines, monkeypatch):
    written = lines("api")
    now = 100.0
    monkeypatch.setattr("logs.repeats.monotonic", lambda: now)
    for number in range(31):
        if number == 30:
            now += 2
        logger.warning("flooded")
    assert written()[-1]["left_out"] == 10


def test_lines_of_jobs_are_all_written(lines):
    written = lines("worker")
    for _ in range(50):
        logger.warning("reclaimed a job")
    assert len(written()) == 50
