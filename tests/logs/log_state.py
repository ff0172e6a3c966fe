"""Logs as they were: setting them up changes the process, which other tests share."""

import io
import json
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

import logs
from settings import load_settings


@contextmanager
def logs_restored() -> Iterator[None]:
    """Undo at the end what `logs.set_up` did inside."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logger.level for name, logger in _loggers()}
    hooks = sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        for name, logger in _loggers():
            logger.setLevel(levels.get(name, logging.NOTSET))
        sys.excepthook, sys.unraisablehook, threading.excepthook, warnings.showwarning = hooks


@contextmanager
def logs_written(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Callable[[], str]]]:
    """Give a function that sets logs up with changed settings, and gives one for what was written
    since.
    """
    stream = io.StringIO()

    def set_up(**changes: object) -> Callable[[], str]:
        monkeypatch.setattr(sys, "stderr", stream)
        logs.set_up(load_settings(None, **changes), "worker")
        return stream.getvalue

    with logs_restored():
        yield set_up


def _loggers() -> list[tuple[str, logging.Logger]]:
    found = logging.root.manager.loggerDict.items()
    return [(name, logger) for name, logger in found if isinstance(logger, logging.Logger)]


def only(text: Callable[[], str]) -> dict[str, Any]:
    """Parse the one line that was written."""
    [line] = map(json.loads, text().splitlines())
    return line
