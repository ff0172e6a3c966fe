"""Writes new activities with all that is derived of them, many by few statements."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from athletics.activity_effort import ActivityEffort
from db.models import (
    Activity,
    ActivityLap,
    Base,
    BestEffort,
    ImportedFile,
)
from db.packed_arrays import parameters_of
from db.statements.activities import stream as streams
from db.statements.new_rows import add
from db.stream_arrays import decode_arrays
from jobs.imports.prepared_file import PreparedActivity, derived_efforts
from jobs.sync.derived_parts import PARTS, rows_of
from jobs.sync.derived_rows import Runner, effort_rows
from jobs.sync.stored_streams import store_levels, stream_row


@dataclass(frozen=True, slots=True)
class ActivityToWrite:
    """An activity that is to be created with `id`.

    `place` has the columns of `activities` that do not follow from the recording alone. `file` are
    values of `imported_files`.
    """

    id: int
    athlete_id: int
    prepared: PreparedActivity
    place: dict[str, Any]
    file: dict[str, Any]

    @property
    def started_at(self) -> datetime:
        """A column, by its name."""
        return self.prepared.row["started_at"]  # type: ignore[no-any-return]

    @property
    def started_at_local(self) -> datetime:
        """A column, by its name."""
        return self.place["started_at_local"]  # type: ignore[no-any-return]

    @property
    def owner(self) -> dict[str, int]:
        """The columns by which the other tables name it."""
        return {"activity_id": self.id, "athlete_id": self.athlete_id}


def write_new(connection: Connection, runner: Runner, found: Sequence[ActivityToWrite]) -> None:
    """Write activities of one athlete, `runner`, and their row is locked."""
    rows = [
        {"id": each.id, "athlete_id": each.athlete_id, **each.prepared.row, **each.place}
        for each in found
    ]
    _add(connection, Activity, rows)
    efforts = [
        row | {"counts": False}
        for each in found
        for row in effort_rows(each, runner, efforts_of(each.prepared, runner))
    ]
    _add(connection, BestEffort, efforts)
    write_derived(connection, found)
    _add(connection, ImportedFile, [each.owner | each.file for each in found])


def write_derived(connection: Connection, found: Sequence[ActivityToWrite]) -> None:
    """Write samples, splits, heart rates, routes and laps of activities that have none."""
    _write_streams(connection, found)
    _write_parts(connection, found)


def efforts_of(prepared: PreparedActivity, runner: Runner) -> Sequence[ActivityEffort]:
    """Take the efforts, derived again if the athlete's sex changed since the file was read."""
    if prepared.sex is runner.sex or prepared.streams is None:
        return prepared.efforts
    samples = decode_arrays(prepared.streams.samples, prepared.streams.positions)
    return derived_efforts(prepared.row, samples, runner.sex)[1]


def _write_streams(connection: Connection, found: Sequence[ActivityToWrite]) -> None:
    stored = [(each, each.prepared.streams) for each in found if each.prepared.streams]
    if not stored:
        return
    connection.execute(streams.store(), [stream_row(*each) for each in stored])
    store_levels(connection, stored)


def _write_parts(connection: Connection, found: Sequence[ActivityToWrite]) -> None:
    owned = [(each, each.prepared.parts) for each in found]
    for part in PARTS:
        _add(connection, part.model, rows_of(part, owned))
    laps = [
        each.owner | {"lap_number": number, **asdict(lap)}
        for each in found
        for number, lap in enumerate(each.prepared.laps, start=1)
    ]
    _add(connection, ActivityLap, laps)


def _add(connection: Connection, model: type[Base], rows: Sequence[dict[str, Any]]) -> None:
    if rows:
        names = tuple(rows[0])
        connection.execute(add(model, names), parameters_of(model, names, rows))
