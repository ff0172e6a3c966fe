"""Formats a line: the same fields in the same order, as JSON or as text."""

import logging
import os
import re
import traceback
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import orjson
from pythonjsonlogger.core import LogData
from pythonjsonlogger.orjson import OrjsonFormatter

from logs.context import surroundings, with_text_ids
from logs.redaction import Redaction

_LONGEST = 8000
"""Maximum characters of a field. Docker splits lines longer than 16 KiB."""
_COLOR = re.compile(r"\x1b\[[0-9;]*m")
"""A color, as RQ writes into messages when its standard output is a terminal."""
_COLORED = "color_message"
"""The field in which uvicorn repeats a message in color."""
_OURS = ("timestamp", "level", "logger", "message", "process", "pid", "version")
_SPECIAL = ' ="'
_TEXT_HEAD = {*_OURS, "exception", "stack"}


@dataclass(frozen=True)
class ProcessIdentity:
    """The process that writes."""

    process: str
    version: str
    pid: int = field(default_factory=os.getpid)

    @cached_property
    def in_json(self) -> bytes:
        """The end of a line of JSON, after other fields."""
        return b"," + as_json(asdict(self))[1:]


class _Line(OrjsonFormatter):
    """Makes the fields of a record, which `jsonify_log_record` writes."""

    identity: ProcessIdentity

    def __init__(self, redaction: Redaction) -> None:
        super().__init__(
            "{message}", style="{", rename_fields={"exc_info": "exception", "stack_info": "stack"}
        )
        self._redaction = redaction

    def formatException(self, ei: Any) -> Any:  # noqa: N802 - logging's name
        """Format an exception as one field: type, message, and stack with all causes."""
        kind, error, trace = ei
        if kind is None:
            return None
        stack = "".join(traceback.format_exception(kind, error, trace)).rstrip("\n")
        return {
            "type": _name_of(kind),
            "message": self.bounded(_whole(_text_of(error))),
            "stack": self.bounded(_whole(stack)),
        }

    def process_log_record(self, log_data: LogData) -> LogData:
        return {
            name: self.bounded(value) if isinstance(value, str) else value
            for name, value in with_text_ids(log_data).items()
        }

    def add_fields(
        self, log_data: LogData, record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        given: LogData = {}
        super().add_fields(given, record, message_dict)
        log_data |= {
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(
                timespec="microseconds"
            ),
            "level": record.levelname,
            "logger": record.name,
            "message": _COLOR.sub("", given.pop("message")),
        }
        given.pop(_COLORED, None)
        exception = given.pop("exception", None)
        log_data |= {
            name: value for name, value in (surroundings() | given).items() if name not in _OURS
        }
        log_data |= {"exception": exception} if exception else {}
        log_data |= asdict(self.identity)

    def bounded(self, text: str) -> str:
        """Cut the middle out of a text that is too long, without leaving parts of secrets."""
        if len(text) <= _LONGEST:
            return text
        text, half = self._redaction.redact(text), _LONGEST // 2
        left_out = len(text) - 2 * half
        return text if left_out <= 0 else f"{text[:half]} … {left_out} characters … {text[-half:]}"


class JsonLine(_Line):
    """One JSON object a line."""

    def jsonify_log_record(self, log_data: LogData) -> str:
        return as_json(log_data).decode().rstrip("\n")


class TextLine(_Line):
    """Formats for reading: time, level, logger, message, then `name=value`.

    Stacks are indented below. Nothing that a caller sent can imitate another line or field, or send
    commands to the terminal.
    """

    def jsonify_log_record(self, log_data: LogData) -> str:
        when, level, logger, message, process, pid = (log_data[name] for name in _OURS[:6])
        fields = {
            name: value
            for name, value in log_data.items()
            if name not in _TEXT_HEAD and value is not None
        }
        exception, stack = log_data.get("exception"), log_data.get("stack")
        if exception:
            fields["exception"] = exception["type"]
        head = f"{when} {level:<7} {process}[{pid}] {logger}: {_unmistakable(message, '=')}"
        rest = "".join(
            f" {name}={_unmistakable(_written(value), _SPECIAL)}" for name, value in fields.items()
        )
        below = [
            *(exception["stack"].split("\n") if exception else ()),
            *(stack.split("\n") if stack else ()),
        ]
        return head + rest + "".join(f"\n    | {_printable(line)}" for line in below)


def as_json(fields: LogData) -> bytes:
    """Encode a line of JSON. Values that JSON lacks are written as text."""
    options = orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
    try:
        return orjson.dumps(fields, default=_text_of, option=options)
    except TypeError:  # half a surrogate pair, a number beyond 64 bits, what contains itself
        return orjson.dumps(
            {_whole(str(name)): _fit(value) for name, value in fields.items()}, option=options
        )


def _fit(value: object) -> object:
    try:
        orjson.dumps(value, default=_text_of, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return _whole(_text_of(value))
    return value


def _whole(text: str) -> str:
    """Escape lone surrogates, which UTF-8 cannot encode."""
    return text.encode(errors="backslashreplace").decode()


def _name_of(kind: type) -> str:
    return (
        kind.__qualname__
        if kind.__module__ == "builtins"
        else f"{kind.__module__}.{kind.__qualname__}"
    )


def _text_of(value: object) -> str:
    try:
        return str(value)
    except Exception as error:  # noqa: BLE001 - a line is no place to fail
        return f"<{type(value).__name__}, which raises {type(error).__name__} when written>"


def _written(value: object) -> str:
    return (
        as_json({"": value})[4:-2].decode()
        if isinstance(value, list | tuple | dict)
        else _text_of(value)
    )


def _unmistakable(text: str, special: str) -> str:
    """Write a text on one line, quoted where it is empty or contains a character of `special`."""
    if text and not any(each in text for each in special):
        return _printable(text)
    quoted = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_printable(quoted)}"'


def _printable(text: str) -> str:
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
