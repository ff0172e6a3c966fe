"""Intervals of time, from numbers of seconds."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Float, SQLColumnExpression, case, cast, func


def seconds(number: float | ColumnElement[float]) -> ColumnElement[timedelta]:
    return func.make_interval(0, 0, 0, 0, 0, 0, number)


def ago(number: float | ColumnElement[float]) -> ColumnElement[datetime]:
    """The instant this many seconds before the start of the transaction."""
    return func.now() - seconds(number)


def next_try(pauses_s: Sequence[float], tries: SQLColumnExpression[int]) -> ColumnElement[datetime]:
    """When to try again after the last of `tries`, from 1: the last pause counts for further ones."""
    *first, last = pauses_s
    pause_s = case(dict(enumerate(first, start=1)), value=tries, else_=last)
    return func.now() + seconds(cast(pause_s, Float))
