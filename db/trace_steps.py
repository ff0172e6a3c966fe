"""Steps of traces that are work of the database."""

from functools import partial

from runtime.tracing import SpanKind, span

_TRANSACTION = {"db.system.name": "postgresql"}
_READING = {**_TRANSACTION, "db.operation.name": "SELECT"}

transaction_step = partial(span, "transaction", SpanKind.CLIENT, _TRANSACTION)
reading_step = partial(span, "SELECT", SpanKind.CLIENT, _READING)
"""Begins the step that a statement is, or the wait for one that others share."""
