"""Writes lines to standard error, each in one piece and without secrets."""

import asyncio
import logging
import sys
from collections.abc import Hashable
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from logs.context import surroundings
from logs.error_reports import ErrorReports
from logs.formatters import JsonLine, ProcessIdentity, TextLine, as_json
from logs.redaction import Redaction
from logs.repeats import Repeats

HARMLESS_LENGTH = 32
"""Fields up to this many characters need no search for tokens: all tokens are longer."""
_LEVEL_NAMES = {
    level: name
    for name, level in logging.getLevelNamesMapping().items()
    if name not in {"WARN", "FATAL"}
}
_root = logging.getLogger()
_STREAM_ERRORS = (OSError, ValueError, AttributeError)
"""Errors of a standard error that is closed, full or missing: work goes on without a log."""
_SERVERS = {"api", "documents"}
"""Processes in which callers cause lines: those of a kind are bounded."""
_FAILED = "a line of the log could not be written"
DIFFERS = "\0"
"""Stands for a value that differs in each line of a LineForm."""


class Handler(logging.StreamHandler[TextIO]):
    """Writes lines of text to standard error."""

    kind: type[JsonLine | TextLine] = TextLine

    def __init__(self, identity: ProcessIdentity, redaction: Redaction) -> None:
        super().__init__(sys.stderr)
        self.line: JsonLine | TextLine = self.kind(redaction)
        self.redaction = redaction
        self.repeats = Repeats()
        self.reports: ErrorReports | None = None
        """Where errors are reported, beside the log."""
        self.setFormatter(self.line)
        self.be(identity)

    def be(self, identity: ProcessIdentity) -> None:
        """Write lines as the process `identity` from now on, perhaps after a fork."""
        self.identity = self.line.identity = identity

    def filter(self, record: logging.LogRecord) -> bool:
        """Leave out a warning or error that this place in the code repeats too often."""
        level = record.levelno or logging.NOTSET  # a record made by hand may have none
        is_repeatable = logging.WARNING <= level < logging.CRITICAL
        if is_repeatable and self.identity.process in _SERVERS:
            left_out = self.repeats.admit((record.name, record.lineno))
            if left_out is None:
                return False
            if left_out:
                record.left_out = left_out
        return super().filter(record)

    def format(self, record: logging.LogRecord) -> str:
        return self.redaction.redact(super().format(record))

    def emit(self, record: logging.LogRecord) -> None:
        super().emit(record)
        if self.reports is not None and record.levelno >= logging.ERROR:
            try:
                self.reports.send(record, self.identity.process)
            except Exception:  # noqa: BLE001 - an error of reports is none of who logs
                self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Log that a line could not be written.

        Python would print the line's arguments, unredacted.
        """
        where, kind = f"{record.name}:{record.lineno}", getattr(sys.exc_info()[0], "__name__", None)
        said = logging.makeLogRecord(
            {"name": __name__, "levelno": logging.ERROR, "levelname": "ERROR", "msg": _FAILED}
        )
        with suppress(Exception):
            said.__dict__.update(of=where, error=kind)
            self.stream.write(self.format(said) + self.terminator)


class JsonHandler(Handler):
    """Writes lines of JSON to standard error.

    Lines of `write_line` in the same iteration of an event loop are written together, because a
    system call may take longer than a small query. The order of lines stays.
    """

    kind = JsonLine

    def be(self, identity: ProcessIdentity) -> None:
        super().be(identity)
        self._end = identity.in_json
        self._lines: list[bytes] = []  # those of the parent are its own affair
        self._loop: asyncio.AbstractEventLoop | None = None

    def clean(self, text: str) -> str:
        """Redact a field, and cut its middle if it is too long."""
        return self.redaction.redact(self.line.bounded(text))

    def write_line(self, fields: dict[str, Any]) -> None:
        """Write a line, with the identity, at the end of the loop's iteration."""
        self.write_begun(self.begun(fields))

    @staticmethod
    def begun(fields: dict[str, Any]) -> bytes:
        """Write fields to JSON, without the brace at the end."""
        try:
            return orjson.dumps(fields, default=str)[:-1]
        except TypeError:
            return as_json(fields).rstrip()[:-1]

    def write_begun(self, line: bytes) -> None:
        """Write a line that `begun` or a LineForm wrote, as `write_line` does."""
        self._lines.append(line + self._end)
        if len(self._lines) > 1:
            return
        try:
            if self._loop is None or self._loop.is_closed():
                self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self.flush)
        except RuntimeError:  # no loop
            self._loop = None
            self.flush()

    def emit(self, record: logging.LogRecord) -> None:
        self.flush()
        super().emit(record)

    def flush(self) -> None:
        with self.lock or nullcontext(), suppress(*_STREAM_ERRORS):
            lines, self._lines = self._lines, []
            if lines:
                self.stream.write(b"".join(lines).decode())
            super().flush()


def left_out_lines() -> int:
    """Count the lines that this process left out because too many of their kind came."""
    return sum(each.repeats.total for each in _root.handlers if isinstance(each, Handler))


def write(
    logger: logging.Logger,
    level: int,
    message: str,
    fields: dict[str, Any],
    kind: Hashable | None = None,
) -> None:
    """Log a line as `logger.log(level, message, extra=fields)` does, without a LogRecord.

    For code on the event loop's thread that logs thousands of lines a second; it saves the
    LogRecord where this process logs JSON. Lines of the same `kind` are bounded; those with None
    are not.
    """
    if not logger.isEnabledFor(level):
        return
    handlers = _root.handlers
    if kind is not None and handlers and isinstance(handlers[0], Handler):
        left_out = handlers[0].repeats.admit(kind)
        if left_out is None:
            return
        if left_out:
            fields = {**fields, "left_out": left_out}
    if len(handlers) != 1 or not isinstance(handlers[0], JsonHandler):
        logger.log(level, message, extra=fields)
        return
    handler = handlers[0]
    line = {**_head(logger, level, message), **surroundings(), **fields}
    for name, value in line.items():
        if isinstance(value, str) and len(value) > HARMLESS_LENGTH:
            line[name] = handler.clean(value)
    handler.write_line(line)


def _head(logger: logging.Logger, level: int, message: str) -> dict[str, Any]:
    """Make the fields that a line begins with."""
    return {
        "timestamp": datetime.now(UTC),
        "level": _LEVEL_NAMES[level],
        "logger": logger.name,
        "message": message,
    }


class LineForm:
    """Lines that `write` would write, alike but for a few fields: the others are written once.

    For thousands of lines a second. A value that differs is given as JSON, and is no secret; no
    other text is longer than HARMLESS_LENGTH.
    """

    def __init__(
        self, logger: logging.Logger, level: int, message: str, fields: dict[str, Any]
    ) -> None:
        """Make the form of lines with `fields`, those that are DIFFERS given for each line."""
        self._logger, self._level = logger, level
        line = {**_head(logger, level, message), "timestamp": DIFFERS, **fields}
        differs = orjson.dumps(DIFFERS)
        self._form = JsonHandler.begun(line).replace(b"%", b"%%").replace(differs, b"%b")

    def write(self, *values: bytes) -> bool:
        """Write a line with the JSON of what differs. False: only `write` can write it."""
        if not self._logger.isEnabledFor(self._level):
            return True
        handlers = _root.handlers
        if surroundings() or len(handlers) != 1 or not isinstance(handlers[0], JsonHandler):
            return False
        handlers[0].write_begun(self._form % (orjson.dumps(datetime.now(UTC)), *values))
        return True
