"""Logs: one JSON object a line (or text, for reading), with the request or job that a line belongs to.

Every process sets its logs up once, with `set_up`. What surrounds a line is put around the code that writes it, with
`bound(request_id=…)`, and reaches every line written inside, in whatever module.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson
from pythonjsonlogger.json import JsonFormatter

from settings import Settings

_surroundings: ContextVar[dict[str, Any]] = ContextVar("log_surroundings", default={})  # noqa: B039 - never written to

_QUIET = ("httpx", "httpcore", "asyncio", "rq.worker", "alembic.runtime.migration")
_RESERVED = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "process_name"}


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Add `fields` to every line that is logged inside the block."""
    token = _surroundings.set({**_surroundings.get(), **fields})
    try:
        yield
    finally:
        _surroundings.reset(token)


def bind(**fields: Any) -> None:
    """Add `fields` to every line that this task logs from now on."""
    _surroundings.set({**_surroundings.get(), **fields})


def set_up(settings: Settings, process: str) -> None:
    """Send this process's logs to standard error in the form of LOG_FORMAT; `process` says which it is."""
    handler = _JsonHandler(process) if settings.log_format == "json" else logging.StreamHandler(sys.stderr)
    handler.addFilter(_add_surroundings)
    if settings.log_format == "text":
        handler.setFormatter(_Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))


def write(logger: logging.Logger, level: int, message: str, fields: dict[str, Any]) -> None:
    """Log a line with `fields`, for callers that do so thousands of times a second.

    It is the line that `logger.log(level, message, extra=fields)` would make; where this process logs JSON, no
    LogRecord is made for it.
    """
    if not logger.isEnabledFor(level):
        return
    handlers = logging.getLogger().handlers
    if len(handlers) != 1 or not isinstance(handlers[0], _JsonHandler):
        logger.log(level, message, extra=fields)
        return
    handlers[0].write_line(
        {
            "message": message,
            "level": logging.getLevelName(level),
            "logger": logger.name,
            "process": handlers[0].process,
            **fields,
            **_surroundings.get(),
            "timestamp": datetime.now(UTC).isoformat(),
        }
    )


class _JsonHandler(logging.StreamHandler[TextIO]):
    """Writes JSON lines to standard error."""

    def __init__(self, process: str) -> None:
        super().__init__(sys.stderr)
        self.process = process
        self.setFormatter(_json(process))

    def write_line(self, fields: dict[str, Any]) -> None:
        """Write one line; one write a line, so that lines of several threads do not mix."""
        self.stream.write(orjson.dumps(fields, default=str).decode() + "\n")
        self.flush()


def _add_surroundings(record: logging.LogRecord) -> bool:
    for name, value in _surroundings.get().items():
        if name not in record.__dict__:
            record.__dict__[name] = value
    return True


def _json(process: str) -> logging.Formatter:
    return JsonFormatter(
        "{message}{levelname}{name}",
        style="{",
        rename_fields={"levelname": "level", "name": "logger"},
        static_fields={"process": process},
        timestamp=True,
    )


class _Text(logging.Formatter):
    """Time, level, message, and the fields as `name=value`."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        line, _, rest = super().format(record).partition("\n")
        extra = {name: value for name, value in vars(record).items() if name not in _RESERVED and value is not None}
        fields = "".join(f" {name}={value}" for name, value in extra.items())
        return f"{line}{fields}" + (f"\n{rest}" if rest else "")
