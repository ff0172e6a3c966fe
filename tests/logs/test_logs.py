"""Log lines: their form, what surrounds them, how much is logged, and what would be said past them."""

import asyncio
import contextvars
import io
import json
import logging
import os
import tomllib
from pathlib import Path

import pytest

import logs
from settings import InvalidSettings, load_settings
from tests.logs.log_state import only

logger = logging.getLogger("pacegraph.test")

HEAD = ["timestamp", "level", "logger", "message"]
PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
IDENTITY = ["process", "version", "pid"]
FORMS = ["json", "text"]


def fail():
    raise KeyError("mine\nERROR   forged")


def test_a_json_line_is_one_object(written):
    text = written()
    logger.warning("two\nlines, %s", "formatted", extra={"job_id": 7, "path": "/x"})
    found = only(text)
    assert list(found) == [*HEAD, "job_id", "path", *IDENTITY]
    assert found.pop("timestamp").endswith("+00:00")
    assert found == {
        "message": "two\nlines, formatted",
        "level": "WARNING",
        "logger": "pacegraph.test",
        "process": "worker",
        "version": PROJECT["version"],
        "pid": os.getpid(),
        "job_id": "7",
        "path": "/x",
    }


def test_ids_are_text_and_other_numbers_are_not(written):
    """JavaScript and jq keep 16 digits of a number."""
    text = written()
    big = 2**62 + 4_611_001
    with logs.bound(job_id=big, athlete_id=7, attempt=2):
        logs.bind(account_id=big)
        logger.info(
            "line", extra={"activity_id": big, "strava_id": None, "rows": big, "is_id": True}
        )
        logs.write(logger, logging.INFO, "line", {"status": 200})
    slow, fast = map(json.loads, text().splitlines())
    ids = {"job_id": str(big), "athlete_id": "7", "account_id": str(big), "attempt": 2}
    assert ids.items() <= slow.items()
    assert ids.items() <= fast.items()
    others = {"activity_id": str(big), "strava_id": None, "rows": big, "is_id": True}
    assert others.items() <= slow.items()


def test_both_ways_of_writing_make_the_same_line(written):
    text = written()
    fields = {"status": 200, "path": "/x" * 40, "operation": None, "duration_ms": 1.5}
    with logs.bound(request_id="r" * 40, job_id=3):
        logs.write(logger, logging.INFO, "request", fields)
        logger.info("request", extra=fields)
    fast, slow = map(json.loads, text().splitlines())
    fast.pop("timestamp")
    slow.pop("timestamp")
    assert list(fast.items()) == list(slow.items())


@pytest.mark.parametrize("operation", [None, "Mine", "100%s", 'a "name"'])
def test_lines_of_a_form_are_those_of_the_other_ways(written, operation):
    fields = {"status": 200, "operation": operation}
    text, logger = written(log_format="json"), logging.getLogger("pacegraph.t")
    form = logs.LineForm(logger, logging.INFO, "request", {"of": logs.DIFFERS, **fields})
    for value in ("one", "two"):
        logs.write(logger, logging.INFO, "request", {"of": value, **fields})
        assert form.write(b'"%b"' % value.encode())
    lines = [json.loads(line) for line in text().splitlines()]
    for one, other in zip(lines[::2], lines[1::2], strict=True):
        assert list(one) == list(other)
        assert one | {"timestamp": None} == other | {"timestamp": None}
        assert one["timestamp"] <= other["timestamp"]
        assert len(one["timestamp"]) == len(other["timestamp"])
    logger.setLevel(logging.WARNING)
    assert form.write(b"0")
    assert text().count("\n") == 4


def test_a_form_writes_no_line_that_has_bound_fields_or_is_text(written):
    logger = logging.getLogger("pacegraph.t")
    form = logs.LineForm(logger, logging.INFO, "request", {"of": logs.DIFFERS})
    text = written(log_format="json")
    with logs.bound(trace_id="t"):
        assert not form.write(b"1")
    assert form.write(b"1")
    assert text().count("\n") == 1
    written(log_format="text")
    assert not form.write(b"1")


@pytest.mark.parametrize(
    "error", [KeyError("mine"), ExceptionGroup("both", [ValueError("a"), KeyError("b")])], ids=str
)
def test_an_exception_is_one_field(written, error):
    text = written()
    try:
        raise RuntimeError("first") from error
    except RuntimeError:
        logger.exception("failed")
    found = only(text)["exception"]
    assert list(found) == ["type", "message", "stack"]
    assert (found["type"], found["message"]) == ("RuntimeError", "first")
    assert "raise RuntimeError" in found["stack"]
    assert str(error) in found["stack"], "what led to it too"


def test_an_exception_of_ours_is_named_in_full(written):
    text = written()
    try:
        raise InvalidSettings("PORT: wrong")
    except InvalidSettings:
        logger.exception("failed")
    assert only(text)["exception"]["type"] == "settings.settings.InvalidSettings"


def test_where_there_is_no_exception_there_is_no_field(written):
    text = written()
    logger.info("fine", exc_info=True)  # noqa: LOG014 - libraries do
    assert "exception" not in only(text)


class Unwritable:
    def __str__(self):
        raise ValueError


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "value",
    [
        "\ud800",
        2**70,
        float("nan"),
        {1: "a"},
        {"a": [2**70]},
        b"bytes",
        {"s"},
        Unwritable(),
        "x" * 100_000,
        object(),
    ],
    ids=lambda value: type(value).__name__,
)
def test_whatever_a_field_holds_the_line_is_written_and_whole(written, form, value):
    text = written(log_format=form)
    logger.info("odd", extra={"value": value, "job_id": 7})
    logs.write(logger, logging.INFO, "odd", {"value": value, "job_id": "7"})
    lines = text().splitlines()
    assert len(lines) == 2
    assert max(map(len, lines)) < 16_384
    for line in lines:
        assert form == "text" or (json.loads(line)["message"], json.loads(line)["job_id"]) == (
            "odd",
            "7",
        )
        assert form == "json" or ": odd value=" in line


def test_a_long_text_keeps_its_beginning_and_its_end_and_no_secret(written):
    text = written()
    token = "pace_" + "aB3-_" * 9
    logger.info("x", extra={"path": f"begin{' ' * 3973}{token}{' ' * 4000}end"})
    path = only(text)["path"]
    assert path.startswith("begin")
    assert path.endswith("end")
    assert token[5:15] not in path


@pytest.mark.parametrize("form", FORMS)
def test_a_line_that_cannot_be_made_is_told_of(written, form):
    text = written(log_format=form)
    logger.info("%d", "x")
    [line] = text().splitlines()
    assert "a line of the log could not be written" in line
    assert form == "text" or json.loads(line)["of"].startswith("pacegraph.test:")


@pytest.mark.parametrize("form", FORMS)
def test_without_standard_error_work_goes_on(written, monkeypatch, form):
    written(log_format=form)
    for stream in (io.StringIO(), None):
        if stream is not None:
            stream.close()
        logging.getLogger().handlers[0].stream = stream
        logger.info("to nobody")
        logs.write(logger, logging.INFO, "to nobody", {})
        logger.info("to nobody")


# --- text


def test_a_text_line_is_for_reading(written):
    text = written(log_format="text")
    with logs.bound(request_id="r1"):
        logger.info("done", extra={"status": 200, "operation": None})
    time, rest = text().split(" ", 1)
    assert rest == f"INFO    worker[{os.getpid()}] pacegraph.test: done request_id=r1 status=200\n"
    assert time.endswith("+00:00")


def test_a_text_line_is_one_line_whatever_a_caller_sent(written):
    text = written(log_format="text")
    logger.info(
        "request\nERROR   %s",
        "\x1b[2J",
        extra={"path": "/é\n00:00:00 ERROR   forged \x1b[31m\u202e"},
    )
    [line] = text().splitlines()
    assert "request\\nERROR   \\x1b[2J" in line
    assert line.endswith('path="/é\\n00:00:00 ERROR   forged \\x1b[31m\\u202e"')


def test_what_a_caller_sent_is_no_field(written):
    text = written(log_format="text")
    logger.info(
        "by %s", "x status=500", extra={"path": '/ status=500 x="', "empty": "", "list": ["a", 1]}
    )
    assert text().partition("pacegraph.test: ")[2] == (
        '"by x status=500" path="/ status=500 x=\\"" empty="" list="[\\"a\\",1]"\n'
    )


def test_a_text_lines_stack_is_below_and_looks_like_no_line(written):
    text = written(log_format="text")
    try:
        fail()
    except KeyError as error:
        logger.exception("failed", extra={"job_id": 7})
        logger.exception("%s", "again", exc_info=ValueError(f"{error.args[0]}\r\x1b"))
    first, *rest = text().splitlines()
    assert first.endswith("failed job_id=7 exception=KeyError")
    own = [line for line in rest if not line.startswith("    | ")]
    assert len(own) == 1
    assert own[0].endswith("again exception=ValueError")
    assert rest[-1] == "    | ERROR   forged\\r\\x1b"


# --- what surrounds a line


def test_what_is_bound_reaches_every_line_within(written):
    text = written()
    with logs.bound(request_id="r1", job_id=1):
        logger.info("outer")
        with logs.bound(job_id=2):
            logging.getLogger("elsewhere").info("inner", extra={"request_id": "its own"})
    logger.info("after")
    outer, inner, after = map(json.loads, text().splitlines())
    assert (outer["request_id"], outer["job_id"]) == ("r1", "1")
    assert (inner["request_id"], inner["job_id"]) == ("its own", "2")
    assert "request_id" not in after


def test_what_is_bound_ends_when_the_block_raises(written):
    text = written()

    def work():
        with logs.bound(job_id=1):
            logs.bind(attempt=2)
            raise KeyError

    with pytest.raises(KeyError):
        work()
    logger.info("after")
    assert not {"job_id", "attempt"} & only(text).keys()


def test_requests_side_by_side_keep_their_own(written):
    text = written()

    async def request(number):
        logs.begin(request_id=str(number))
        await asyncio.sleep(0.01)
        logger.info("line %s", number)

    async def all_at_once():
        await asyncio.gather(*map(request, range(5)))

    asyncio.run(all_at_once())
    lines = [json.loads(line) for line in text().splitlines()]
    assert [line["request_id"] for line in lines] == [line["message"].split()[1] for line in lines]


def test_a_request_begins_without_what_was_bound_before(written):
    text = written()

    def two_requests():
        logs.begin(request_id="r1", trace_id="t1")
        logs.bind(athlete_id=1)
        logs.begin(request_id="r2")
        logger.info("second")

    contextvars.copy_context().run(two_requests)
    assert only(text).keys() == {*HEAD, *IDENTITY, "request_id"}


def test_what_a_job_takes_along_is_what_lines_show():
    token = "pace_" + "aB3-_" * 9
    with logs.bound(request_id=token, trace_id=None, job_id=1):
        assert logs.correlation() == {"request_id": "pace_***", "trace_id": None}
    assert logs.correlation() == {"request_id": None, "trace_id": None}


# --- levels


@pytest.mark.parametrize(
    ("level", "expected"), [("DEBUG", 4), ("INFO", 3), ("WARNING", 2), ("ERROR", 1)], ids=str
)
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


def heard(text, *names):
    """Which of the loggers say something at DEBUG and INFO, and by `write`."""
    for name in names:
        logging.getLogger(name).debug("d")
        logging.getLogger(name).info("i")
        logs.write(logging.getLogger(name), logging.INFO, "w", {})
    return {name: "".join(each["message"] for each in map(json.loads, text().splitlines()) if each["logger"] == name)
            for name in names}  # fmt: skip


def test_loggers_and_those_below_them_have_levels_of_their_own(written):
    text = written(log_levels="pacegraph.request=WARNING, jobs=debug,rq = INFO")
    names = [
        "pacegraph.request",
        "pacegraph.requests",
        "jobs",
        "jobs.runner",
        "jobsx",
        "rq",
        "rq.worker",
        "httpx",
    ]
    assert heard(text, *names) == {
        "pacegraph.request": "",
        "pacegraph.requests": "iw",
        "jobs": "diw",
        "jobs.runner": "diw",
        "jobsx": "iw",
        "rq": "iw",
        "rq.worker": "iw",
        "httpx": "",
    }


def test_a_level_below_one_that_is_quiet_wins(written):
    text = written(log_levels="rq.job=DEBUG", log_level="ERROR")
    assert heard(text, "rq.worker", "rq.job", "jobs") == {
        "rq.worker": "",
        "rq.job": "diw",
        "jobs": "",
    }


def test_a_library_that_is_imported_later_changes_no_level(written):
    text = written(log_levels="rq=ERROR")
    rq = logging.getLogger("rq.worker")
    if rq.level == logging.NOTSET:  # as rq.worker does when it is imported
        rq.setLevel(logging.INFO)
    assert heard(text, "rq.worker") == {"rq.worker": ""}


def test_setting_up_again_forgets_levels_and_doubles_no_lines(written):
    written(log_levels="jobs=DEBUG")
    text = written()
    assert heard(text, "jobs") == {"jobs": "iw"}


@pytest.mark.parametrize(
    "levels", ["jobs", "jobs=", "jobs=LOUD", "=INFO", "jobs=INFO,rq", "jobs=INFO;rq=INFO", "INFO"]
)
def test_wrong_levels_are_told_with_the_settings_name(levels):
    with pytest.raises(
        InvalidSettings,
        match=r"^LOG_LEVELS: '.*' must be a logger's name, an equals sign and one of",
    ):
        load_settings(None, log_levels=levels)


@pytest.mark.parametrize("log_format", FORMS)
def test_colors_of_libraries_are_left_out(written, log_format):
    text = written(log_format=log_format)
    logging.getLogger("rq.worker").warning(
        "\x1b[32mdefault\x1b[39;49;00m: %s", "\x1b[1;34mjob\x1b[0m"
    )
    logging.getLogger("pacegraph.test.server").warning(  # as uvicorn does
        "Started server process [%d]", 7, extra={"color_message": "Started [\x1b[36m%d\x1b[0m]"}
    )
    job, server = text().splitlines()
    assert "default: job" in job
    assert "Started server process [7]" in server
    for line in (job, server):
        assert not any(code in line for code in ("\x1b", "u001b", "x1b", "[36m", "color"))
