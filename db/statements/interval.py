"""Intervals of time, from numbers of seconds."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, func


def seconds(number: float | ColumnElement[float]) -> ColumnElement[timedelta]:
    return func.make_interval(0, 0, 0, 0, 0, 0, number)


def ago(number: float | ColumnElement[float]) -> ColumnElement[datetime]:
    """The instant this many seconds before the start of the transaction."""
    return func.now() - seconds(number)
