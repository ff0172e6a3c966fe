"""Fields that code binds to the lines of its task or thread, and of tasks begun there.

A new thread begins without them, unless it is started by `contextvars.copy_context().run`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from logs.redaction import without_tokens

_surroundings: ContextVar[dict[str, Any]] = ContextVar("log_surroundings", default={})  # noqa: B039 - never written to

surroundings = _surroundings.get
"""The fields that are bound here."""

_CORRELATION = ("request_id", "trace_id")


def with_text_ids(fields: dict[str, Any]) -> dict[str, Any]:
    """Write ids as text: they have 19 digits, of which jq, browsers and collectors keep 16."""
    return {
        name: str(value) if type(value) is int and name.endswith("_id") else value
        for name, value in fields.items()
    }


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Add `fields`, and those that `bind` adds inside the block, to the lines logged there."""
    token = _surroundings.set({**_surroundings.get(), **with_text_ids(fields)})
    try:
        yield
    finally:
        _surroundings.reset(token)


def bind(**fields: Any) -> None:
    """Add `fields` to every line that this task logs from now on."""
    _surroundings.set({**_surroundings.get(), **with_text_ids(fields)})


def begin(**fields: Any) -> None:
    """Add `fields`, and none of those before, to every line that this task logs from now on.

    Their values are text.
    """
    _surroundings.set(fields)


def correlation() -> dict[str, str | None]:
    """Get the ids that lead from later work to its cause: `request_id` and `trace_id`, or None.

    A job stores them, and its lines have them too. They are redacted as in log lines: a caller may
    have sent a token as an id.
    """
    here = _surroundings.get()
    return {name: here.get(name) and without_tokens(here[name]) for name in _CORRELATION}
