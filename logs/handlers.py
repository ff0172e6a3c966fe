"""Where lines go: to standard error, each in one piece, without secrets."""

import asyncio
import logging
import sys
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from logs.line import Identity, JsonLine, TextLine, as_json
from logs.redaction import Redaction
from logs.surroundings import surroundings

__all__ = ["Handler", "JsonHandler", "write"]

_HARMLESS_LENGTH = 32
"""Characters of a field that need not be searched for tokens: all are longer."""
_LEVEL_NAMES = {level: name for name, level in logging.getLevelNamesMapping().items() if name not in {"WARN", "FATAL"}}
_root = logging.getLogger()
_STREAM_ERRORS = (OSError, ValueError, AttributeError)
"""Of a standard error that is closed, full or not there at all: work goes on without a log."""
_FAILED = "a line of the log could not be written"


class Handler(logging.StreamHandler[TextIO]):
    """Writes lines of text to standard error."""

    kind: type[JsonLine | TextLine] = TextLine

    def __init__(self, identity: Identity, redaction: Redaction) -> None:
        super().__init__(sys.stderr)
        self.line: JsonLine | TextLine = self.kind(redaction)
        self.redaction = redaction
        self.setFormatter(self.line)
        self.be(identity)

    def be(self, identity: Identity) -> None:
        """Write lines as that process from now on, which may have been forked."""
        self.identity = self.line.identity = identity

    def format(self, record: logging.LogRecord) -> str:
        return self.redaction.redact(super().format(record))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say so where a line could not be written. Python would print the line's arguments, as they are."""
        where, kind = f"{record.name}:{record.lineno}", getattr(sys.exc_info()[0], "__name__", None)
        said = logging.makeLogRecord({"name": __name__, "levelno": logging.ERROR, "levelname": "ERROR", "msg": _FAILED})
        with suppress(Exception):
            said.__dict__.update(of=where, error=kind)
            self.stream.write(self.format(said) + self.terminator)


class JsonHandler(Handler):
    """Writes lines of JSON to standard error.

    Lines of `write_line` that come in the same turn of an event loop are written together: each write is a call of the
    system, which may take longer than a small query. They keep their place among the others.
    """

    kind = JsonLine

    def be(self, identity: Identity) -> None:
        super().be(identity)
        self._end = identity.in_json
        self._lines: list[bytes] = []  # those of the parent are its own affair
        self._loop: asyncio.AbstractEventLoop | None = None

    def clean(self, text: str) -> str:
        """Take secrets out of a field, and its middle if it is too long."""
        return self.redaction.redact(self.line.bounded(text))

    def write_line(self, fields: dict[str, Any]) -> None:
        """Write a line, at the end of the loop's turn; the identity is added to it."""
        try:
            line = orjson.dumps(fields, default=str)
        except TypeError:
            line = as_json(fields).rstrip()
        self._lines.append(line[:-1] + self._end)
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


def write(logger: logging.Logger, level: int, message: str, fields: dict[str, Any]) -> None:
    """Log a line with `fields`, for callers in the event loop's thread that do so thousands of times a second.

    It is the line that `logger.log(level, message, extra=fields)` would make; where this process logs JSON, no
    LogRecord is made for it.
    """
    if not logger.isEnabledFor(level):
        return
    handlers = _root.handlers
    if len(handlers) != 1 or not isinstance(handlers[0], JsonHandler):
        logger.log(level, message, extra=fields)
        return
    handler = handlers[0]
    line = {
        "timestamp": datetime.now(UTC),
        "level": _LEVEL_NAMES[level],
        "logger": logger.name,
        "message": message,
        **surroundings(),
        **fields,
    }
    for name, value in line.items():
        if isinstance(value, str) and len(value) > _HARMLESS_LENGTH:
            line[name] = handler.clean(value)
    handler.write_line(line)
