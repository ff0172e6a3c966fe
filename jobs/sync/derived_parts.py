"""Writes what is derived of an activity's samples beside its efforts."""

from typing import Any

from sqlalchemy import Connection

from db.stream_codec import Samples
from jobs.sync.derived_route import write_route
from jobs.sync.derived_splits import write_splits


def write_parts(
    connection: Connection, activity: Any, samples: Samples | None, *, is_new: bool
) -> None:
    """Replace splits, heart rates and route; `is_new`: the samples were not stored before."""
    write_splits(connection, activity, samples)
    write_route(connection, activity, samples, is_new=is_new)
