"""Standard distances in SQL."""

from typing import Any

from sqlalchemy import ColumnElement, case
from sqlalchemy.orm import InstrumentedAttribute

from athletics.distance import StandardDistance


def label(distance: InstrumentedAttribute[Any]) -> ColumnElement[str]:
    """Write the label of a standard distance, which is stored by its name."""
    return case({each.value: each.label for each in StandardDistance}, value=distance, else_="")


def meters(distance: ColumnElement[str]) -> ColumnElement[float]:
    """Write the length of a standard distance, by which lists of them are ordered."""
    return case({each.value: each.meters for each in StandardDistance}, value=distance)
