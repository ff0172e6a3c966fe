"""Logs that are set up as a process does, and put back after the test."""

import pytest

from tests.logs.log_state import logs_written


@pytest.fixture
def written(monkeypatch):
    """Sets logs up with changed settings; gives a function for what was written."""
    with logs_written(monkeypatch) as set_up:
        yield set_up
