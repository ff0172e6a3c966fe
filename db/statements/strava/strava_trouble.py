"""Counts of Strava's bad answers, which workers make and the API shows."""

from sqlalchemy import Executable, Text, bindparam, select
from sqlalchemy.dialects.postgresql import insert

from db.models import StravaTrouble

KINDS = ("too_slow", "too_large", "unreadable", "budget_spent", "event_budget_spent")
"""What is counted."""


def count() -> Executable:
    """Add one to the kind `trouble`."""
    insertion = insert(StravaTrouble).values(kind=bindparam("trouble", type_=Text), count=1)
    return insertion.on_conflict_do_update(
        index_elements=[StravaTrouble.kind], set_={"count": StravaTrouble.count + 1}
    )


def counts() -> Executable:
    """Select `kind` and `count` of all."""
    return select(StravaTrouble.kind, StravaTrouble.count.label("times"))
