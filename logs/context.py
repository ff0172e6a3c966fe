"""What a line belongs to: fields that the code around it has bound, to this task or thread and those it starts.

A thread is started with none of them, unless by `contextvars.copy_context().run`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from logs.redaction import without_tokens

__all__ = ["begin", "bind", "bound", "correlation", "surroundings"]

_surroundings: ContextVar[dict[str, Any]] = ContextVar("log_surroundings", default={})  # noqa: B039 - never written to

surroundings = _surroundings.get
"""The fields that are bound here."""

_CORRELATION = ("request_id", "trace_id")


@contextmanager
def bound(**fields: Any) -> Iterator[None]:
    """Add `fields` to every line that is logged inside the block, also those that `bind` adds there."""
    token = _surroundings.set({**_surroundings.get(), **fields})
    try:
        yield
    finally:
        _surroundings.reset(token)


def bind(**fields: Any) -> None:
    """Add `fields` to every line that this task logs from now on."""
    _surroundings.set({**_surroundings.get(), **fields})


def begin(**fields: Any) -> None:
    """Add `fields`, and none of those before, to every line that this task logs from now on."""
    _surroundings.set(fields)


def correlation() -> dict[str, str | None]:
    """The ids by which work done later finds back to its cause: `request_id` and `trace_id`, None where there is none.

    A job takes them along, and its lines have them too. They are as lines show them: a caller may have sent a token
    for an id.
    """
    here = _surroundings.get()
    return {name: here.get(name) and without_tokens(here[name]) for name in _CORRELATION}
