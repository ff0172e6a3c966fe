"""Log lines: their form, what surrounds them, how much is logged."""

import asyncio
import io
import json
import logging
import sys

import pytest

import logs
from settings import load_settings

logger = logging.getLogger("pacegraph.test")


@pytest.fixture
def written(monkeypatch):
    """Sets logs up with changed settings; gives a function for what was written."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()

    def set_up(**changes):
        monkeypatch.setattr(sys, "stderr", stream)
        logs.set_up(load_settings(None, **changes), "worker")
        return stream.getvalue

    yield set_up
    root.handlers[:] = handlers
    root.setLevel(level)


def test_a_json_line_is_one_object(written):
    text = written()
    logger.warning("two\nlines, %s", "formatted", extra={"job_id": 7, "path": "/x"})
    [line] = text().splitlines()
    found = json.loads(line)
    assert found.pop("timestamp").endswith("+00:00")
    assert found == {
        "message": "two\nlines, formatted",
        "level": "WARNING",
        "logger": "pacegraph.test",
        "process": "worker",
        "job_id": 7,
        "path": "/x",
    }


def test_a_traceback_stays_within_its_line(written):
    text = written()
    try:
        raise KeyError("mine")
    except KeyError:
        logger.exception("failed")
    [line] = text().splitlines()
    assert "KeyError: 'mine'" in json.loads(line)["exc_info"]


def test_a_text_line_is_for_reading(written):
    text = written(log_format="text")
    with logs.bound(request_id="r1"):
        logger.info("done", extra={"status": 200, "operation": None})
    assert text()[8:] == " INFO    done status=200 request_id=r1\n"


def test_a_text_line_is_one_line_whatever_a_caller_sent(written):
    text = written(log_format="text")
    logging.getLogger("test").info("request", extra={"path": "/é\n00:00:00 ERROR   forged \x1b[31m\u202e"})
    [line] = text().splitlines()
    assert line.endswith("\\n00:00:00 ERROR   forged \\x1b[31m\\u202e")


def test_a_text_lines_traceback_follows_it(written):
    text = written(log_format="text")
    try:
        raise KeyError("mine")
    except KeyError:
        logger.exception("failed", extra={"job_id": 7})
    first, *rest = text().splitlines()
    assert first.endswith("failed job_id=7")
    assert rest[-1] == "KeyError: 'mine'"


def test_what_is_bound_reaches_every_line_within(written):
    text = written()
    with logs.bound(request_id="r1", job_id=1):
        logger.info("outer")
        with logs.bound(job_id=2):
            logging.getLogger("elsewhere").info("inner", extra={"request_id": "its own"})
    logger.info("after")
    outer, inner, after = map(json.loads, text().splitlines())
    assert (outer["request_id"], outer["job_id"]) == ("r1", 1)
    assert (inner["request_id"], inner["job_id"]) == ("its own", 2)
    assert "request_id" not in after


def test_what_is_bound_ends_when_the_block_raises(written):
    text = written()
    with pytest.raises(KeyError), logs.bound(job_id=1):
        raise KeyError
    logger.info("after")
    assert "job_id" not in json.loads(text())


def test_requests_side_by_side_keep_their_own(written):
    text = written()

    async def request(number):
        with logs.bound(request_id=number):
            await asyncio.sleep(0.01)
            logger.info("line %s", number)

    async def all_at_once():
        await asyncio.gather(*map(request, range(5)))

    asyncio.run(all_at_once())
    lines = [json.loads(line) for line in text().splitlines()]
    assert [line["request_id"] for line in lines] == [int(line["message"].split()[1]) for line in lines]


@pytest.mark.parametrize(("level", "expected"), [("DEBUG", 4), ("INFO", 3), ("WARNING", 2), ("ERROR", 1)], ids=str)
def test_what_is_below_the_level_is_left_out(written, level, expected):
    text = written(log_level=level)
    for name in ("debug", "info", "warning", "error"):
        getattr(logger, name)("line")
    assert len(text().splitlines()) == expected


@pytest.mark.parametrize("name", ["httpx", "alembic.runtime.migration", "rq.worker"])
def test_chatty_libraries_are_quiet(written, name):
    text = written()
    logging.getLogger(name).info("chat")
    assert text() == ""
    logging.getLogger(name).warning("heard")
    assert "heard" in text()


def test_setting_up_again_does_not_double_lines(written):
    written()
    text = written()
    logger.info("once")
    assert len(text().splitlines()) == 1
