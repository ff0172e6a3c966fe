"""Paces in other units than they are stored in."""

from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy.orm import InstrumentedAttribute

from athletics.distance import MILE_M


def per_mile(
    pace_s_per_km: ColumnElement[Any] | InstrumentedAttribute[Any],
) -> ColumnElement[float]:
    """Convert a pace from seconds per kilometer to seconds per mile. Null stays null."""
    return pace_s_per_km * (MILE_M / 1000)
