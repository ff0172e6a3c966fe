"""What Python would print past the log is a line of it: warnings, and errors that nobody handles."""

import asyncio
import gc
import json
import sys
import threading
import warnings
from pathlib import Path

import pytest

import logs
from logs import our_version
from logs.setup import version_of
from tests.logs.log_state import only

FORMS = ["json", "text"]


def test_a_copy_that_is_not_installed_tells_its_version(tmp_path):
    """As in a container."""
    assert version_of(Path(__file__).parents[2]) == our_version()
    assert version_of(tmp_path) == "unknown"
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'another'\n")
    assert version_of(tmp_path) == "unknown"


def fail():
    raise KeyError("mine")


@pytest.mark.parametrize("form", FORMS)
def test_warnings_are_lines(written, form):
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        text = written(log_format=form)  # within, for pytest shows warnings in its own way
        warnings.warn("database is deprecated", DeprecationWarning, stacklevel=1)
    [line] = text().splitlines()
    assert "database is deprecated" in line
    if form == "json":
        found = json.loads(line)
        assert (found["logger"], found["category"], found["file"]) == (
            "py.warnings",
            "DeprecationWarning",
            __file__,
        )


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_what_ends_a_thread_is_a_line(written):
    text = written()
    thread = threading.Thread(target=fail, name="lease")
    thread.start()
    thread.join()
    line = only(text)
    assert (line["level"], line["ended_thread"], line["exception"]["type"]) == (
        "ERROR",
        "lease",
        "KeyError",
    )


def test_what_fails_where_nobody_hears_it_is_a_line(written):
    class Failing:
        def __del__(self):
            fail()

    text = written()
    Failing()
    gc.collect()
    assert only(text)["exception"]["type"] == "KeyError"


def test_what_fails_in_a_task_that_nobody_awaits_is_a_line(written):
    text = written()

    async def main():
        task = asyncio.create_task(fail_later())
        await asyncio.sleep(0.01)
        del task
        gc.collect()

    async def fail_later():
        fail()

    asyncio.run(main())
    line = only(text)
    assert (line["logger"], line["exception"]["type"]) == ("asyncio", "KeyError")


def test_what_ends_the_process_is_a_line(written):
    text = written()
    try:
        fail()
    except KeyError as error:
        sys.excepthook(KeyError, error, error.__traceback__)
    assert only(text)["level"] == "CRITICAL"


def test_an_interruption_is_a_line_without_a_stack(written):
    text = written()
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert not {"exception", "stack"} & only(text).keys()


@pytest.mark.parametrize(("asked", "is_line"), [("json", True), ("text", False), ("", False)])
def test_who_calls_a_command_is_told_plainly_unless_lines_are_asked_for(
    written, monkeypatch, tmp_path, asked, is_line
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LOG_FORMAT", asked)
    text = written()
    logs.tell("PORT: is wrong")
    if is_line:
        assert only(text)["message"] == "PORT: is wrong"
    else:
        assert text() == "pacegraph: PORT: is wrong\n"
