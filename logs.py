"""Logs: one JSON object a line (or text, for reading), with the request or job that a line belongs to.

Every process sets its logs up once, with `set_up`. What surrounds a line is put around the code that writes it, with
`bound(request_id=…)`, and reaches every line written inside, in whatever module.

No line holds a secret, whoever logs it: neither one of the settings, nor what looks like a token.
"""

import asyncio
import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, TextIO
from urllib.parse import quote, quote_plus, unquote

import orjson
from pydantic import SecretStr
from pythonjsonlogger.json import JsonFormatter

from settings import Settings

_surroundings: ContextVar[dict[str, Any]] = ContextVar("log_surroundings", default={})  # noqa: B039 - never written to

_QUIET = ("httpx", "httpcore", "asyncio", "rq.worker", "alembic.runtime.migration")
_HARMLESS_LENGTH = 32
"""Characters of a field that need not be searched for tokens: all are longer."""
_REDACTED = "***"
_LEAST_SECRET = 6
"""Characters below which a secret of the settings is not looked for: it would be found in harmless words."""
_SHAPES = re.compile(
    r"""
    (?P<keep>
        (?<![\w-])pace_(?=[\w-]{20})                               # an API token
      | (?i:\b(?:bearer|basic))[ ]+(?=[\w.~+/=-]{8})              # an Authorization header
      | ://[^/\s:@"'\\]{0,200}:(?=[^@\s"'\\/]{1,500}@)           # a URL with user and password
      | [?&](?:code|state)=                                       # the way back from Strava
      | pacegraph_(?:session|sign_in_\w{1,40})=                   # a cookie
      | (?<!\w)(?i:access_token|refresh_token|client_secret|secret|token|password|authorization)
            \\?["']?[ ]?[:=][ ]?\\?["']?(?:(?i:bearer|basic)[ ]+)?(?=[^\s"'\\&,;)]{6})    # anything so called
    ) [^\s"'\\&,;)@]+
    | (?P<request>"(?:WebSocket|[A-Z]{3,7})[ ][^"?\s]{0,2000}\?)[^"\s\\]+  # with a query, as servers log it
    | (?<![\w.-])eyJ[\w-]{8,}\.[\w-]+\.[\w-]*                    # a JSON web token
    | (?<![\w-])[0-9a-f]{40}(?![\w-])                             # a token or code of Strava
    """,
    re.VERBOSE,
)
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
    redaction = _Redaction(settings)
    handler = _JsonHandler(process, redaction) if settings.log_format == "json" else _Handler(redaction)
    handler.addFilter(_add_surroundings)
    if settings.log_format == "text":
        handler.setFormatter(_Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for name in _QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(True)
    sys.excepthook = _log_uncaught


def write(logger: logging.Logger, level: int, message: str, fields: dict[str, Any]) -> None:
    """Log a line with `fields`, for callers in the event loop's thread that do so thousands of times a second.

    It is the line that `logger.log(level, message, extra=fields)` would make; where this process logs JSON, no
    LogRecord is made for it.
    """
    if not logger.isEnabledFor(level):
        return
    handlers = logging.getLogger().handlers
    if len(handlers) != 1 or not isinstance(handlers[0], _JsonHandler):
        logger.log(level, message, extra=fields)
        return
    handler = handlers[0]
    line = {
        "message": message,
        "level": logging.getLevelName(level),
        "logger": logger.name,
        "process": handler.process,
        **fields,
        **_surroundings.get(),
        "timestamp": datetime.now(UTC),
    }
    for name, value in line.items():
        if isinstance(value, str) and len(value) > _HARMLESS_LENGTH:
            line[name] = handler.redacted(value)
    handler.write_line(line)


def _log_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Log what ends the process, where Python would print it past the handler."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
    else:
        logging.getLogger(__name__).critical("the process ends by an error", exc_info=(kind, error, traceback))


class _Redaction:
    """Takes secrets out of texts: those of the settings by their value, others by how they look."""

    def __init__(self, settings: Settings) -> None:
        forms = {form for secret in _secrets(settings) for form in _written_forms(secret)}
        # The longest first: one may begin with another.
        ordered = sorted(forms, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def redact(self, text: str) -> str:
        """Write *** for every secret."""
        if self._values is not None:
            text = self._values.sub(_REDACTED, text)
        return _SHAPES.sub(lambda found: (found["keep"] or found["request"] or "") + _REDACTED, text)


def _secrets(settings: Settings) -> Iterator[str]:
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        for each in value if isinstance(value, tuple) else (value,):
            if not isinstance(each, SecretStr):
                continue
            secret = each.get_secret_value()
            if name.endswith("_url"):
                yield from _passwords(secret)
            elif len(secret) >= _LEAST_SECRET:
                yield secret


def _passwords(url: str) -> Iterator[str]:
    """The password in a URL, unless it is no secret at all, such as the user's or the database's name."""
    user_info, at, rest = url.partition("://")[2].rpartition("@")
    user, _, password = user_info.partition(":")
    if at and len(password) >= _LEAST_SECRET and password not in {user, *re.split(r"[/:?]", rest), "pacegraph"}:
        yield password
        yield unquote(password)


def _written_forms(secret: str) -> set[str]:
    """How a secret may stand in a text: as it is, in JSON, in a URL, in Python."""
    in_json = {json.dumps(secret)[1:-1], orjson.dumps(secret).decode()[1:-1]}
    return {secret, *in_json, quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}


class _Handler(logging.StreamHandler[TextIO]):
    """Writes lines without secrets to standard error."""

    def __init__(self, redaction: _Redaction) -> None:
        super().__init__(sys.stderr)
        self._redaction = redaction

    def format(self, record: logging.LogRecord) -> str:
        return self._redaction.redact(super().format(record))

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Say so where a line could not be written. Python would print the line's arguments, as they are."""
        with suppress(OSError, ValueError):
            self.stream.write(f"a log line of {record.name}:{record.lineno} could not be written\n")


class _JsonHandler(_Handler):
    """Writes JSON lines to standard error.

    Lines of `write_line` that come in the same turn of an event loop are written together: each write is a call of the
    system, which may take longer than a small query. They keep their place among the others.
    """

    def __init__(self, process: str, redaction: _Redaction) -> None:
        super().__init__(redaction)
        self.process = process
        self.setFormatter(_json(process))
        self._lines: list[bytes] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def redacted(self, text: str) -> str:
        """Take secrets out of a field."""
        return self._redaction.redact(text)

    def write_line(self, fields: dict[str, Any]) -> None:
        """Write a line, at the end of the loop's turn."""
        self._lines.append(orjson.dumps(fields, default=str, option=orjson.OPT_APPEND_NEWLINE))
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
        with self.lock or nullcontext():
            lines, self._lines = self._lines, []
            if lines:
                self.stream.write(b"".join(lines).decode())
            super().flush()


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
        fields = "".join(f" {name}={_on_one_line(value)}" for name, value in extra.items())
        return f"{line}{fields}" + (f"\n{rest}" if rest else "")


def _on_one_line(value: Any) -> str:
    """Write a field so that what a caller sent, such as a path, neither looks like a line nor commands the terminal."""
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode()
