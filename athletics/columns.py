"""Columns of samples as arrays, so that what is derived is computed of all samples at once.

Only modules that derive import this one: numpy is not for the processes that answer queries.
"""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Flags = NDArray[np.bool_]
Column = Sequence[float | None] | Floats


def floats(column: Column) -> Floats:
    """Take a column as an array, NaN where a value is missing; it may be the column's own.

    Raises TypeError, ValueError and OverflowError for what is no number.
    """
    return np.asarray(cast("Any", column), dtype=np.float64)


def total(values: Floats) -> float:
    """Add up values in their order; numpy's own sum takes another, and so rounds otherwise."""
    return float(np.add.accumulate(values)[-1]) if len(values) else 0.0


def first_of_each(marked: Flags, starts: Integers) -> Integers:
    """Find the first marked place of each part; parts begin at `starts`, and each has one."""
    places = marked.nonzero()[0]
    if len(places) == len(starts):  # to search takes several times as long
        return places
    return places[places.searchsorted(starts)]


def filled(values: Floats, is_known: Flags) -> Floats:
    """Replace values that are not known by the one before, or by the first; 0 without any."""
    if is_known.all():
        return values
    if not is_known.any():
        return np.zeros(len(values))
    places = np.where(is_known, np.arange(len(values)), int(np.argmax(is_known)))
    return values[np.maximum.accumulate(places)]
