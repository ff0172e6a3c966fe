"""Writes what is derived of activities' samples beside their efforts."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError

from db.models import ActivityHeartRates, ActivityRoute, ActivitySplit, Base
from db.packed_arrays import parameters_of
from db.statements.new_rows import replace
from jobs.sync.derived_splits import SPLIT_COLUMNS
from jobs.sync.prepared_parts import PreparedParts

OF_THE_CONNECTION = (InterfaceError, InternalError, OperationalError)
"""Errors of SQLAlchemy after which a transaction can write nothing more."""
_OWNER = ("activity_id", "athlete_id")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PartOfActivity:
    """One of the tables: its columns, those that tell its rows apart, and how rows are made."""

    model: type[Base]
    columns: tuple[str, ...]
    keys: tuple[str, ...]
    rows: Callable[[PreparedParts], Iterable[Mapping[str, Any]]]
    """Makes rows without the activity and the athlete."""


def _rates(parts: PreparedParts) -> Iterable[Mapping[str, Any]]:
    if parts.rates is not None:
        yield {"lowest_bpm": parts.rates.lowest_bpm, "seconds": parts.rates.seconds}


def _route(parts: PreparedParts) -> Iterable[Mapping[str, Any]]:
    if len(parts.route.samples):
        yield parts.route._asdict()


PARTS = (
    PartOfActivity(
        ActivitySplit,
        (*_OWNER, *SPLIT_COLUMNS),
        ("activity_id", "unit", "split_number"),
        lambda parts: parts.splits,
    ),
    PartOfActivity(
        ActivityHeartRates, (*_OWNER, "lowest_bpm", "seconds"), ("activity_id",), _rates
    ),
    PartOfActivity(
        ActivityRoute, (*_OWNER, "latitudes", "longitudes", "samples"), ("activity_id",), _route
    ),
)

Owned = Sequence[tuple[Any, PreparedParts]]
"""Activities, rows with `id` and `athlete_id`, and the parts of each."""


def rows_of(part: PartOfActivity, found: Owned) -> list[dict[str, Any]]:
    """Make the rows of activities."""
    return [
        {"activity_id": activity.id, "athlete_id": activity.athlete_id, **row}
        for activity, parts in found
        for row in part.rows(parts)
    ]


def write_parts(connection: Connection, found: Owned) -> dict[int, Exception]:
    """Replace splits, heart rates and routes; without samples an activity has none.

    Each part stands for itself. Returns why one could not be derived or stored, by the activity.
    """
    problems = {activity.id: parts.problem for activity, parts in found if parts.problem}
    try:
        with connection.begin_nested():
            for part in PARTS:
                _replace(connection, part, found)
    except OF_THE_CONNECTION:
        raise
    except Exception:  # noqa: BLE001 - of a part of one activity only
        return problems | _write_each(connection, found)
    return problems


def _write_each(connection: Connection, found: Owned) -> dict[int, Exception]:
    problems: dict[int, Exception] = {}
    for activity, parts in found:
        for part in PARTS:
            try:
                with connection.begin_nested():
                    _replace(connection, part, [(activity, parts)])
            except OF_THE_CONNECTION:
                raise
            except Exception as error:
                logger.exception(
                    "a part of an activity could not be stored", extra={"activity_id": activity.id}
                )
                problems[activity.id] = error
    return problems


def _replace(connection: Connection, part: PartOfActivity, found: Owned) -> None:
    values = {
        "activity_ids": [activity.id for activity, _ in found],
        **parameters_of(part.model, part.columns, rows_of(part, found)),
    }
    connection.execute(replace(part.model, part.columns, part.keys), values)
