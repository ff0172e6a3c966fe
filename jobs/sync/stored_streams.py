"""Encodes the samples of an activity with their levels, and writes and reads them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from db.moved_samples import whole
from db.original_files import StoredOriginals
from db.packed_arrays import packed_bytes
from db.statements.activities import activity_route
from db.statements.activities import stream as streams
from db.statements.new_rows import values_of
from db.stored_levels import StreamLevel, encode_samples
from db.stream_arrays import decode_arrays
from db.stream_codec import CorruptStreams, Samples

_DERIVED_FROM = ("time_s", "distance_m", "heart_rate_bpm", "altitude_m")
"""The columns that efforts and parts are derived from, beside the positions."""
_LEVEL_COLUMNS = ("points", "samples", "positions")
"""The columns of a level's row beside the activity and the athlete."""


@dataclass(frozen=True, slots=True)
class EncodedStreams:
    """The values of a row of `activity_streams`, and the rows of its levels."""

    sample_count: int
    samples: bytes
    positions: bytes | None
    marks: bytes
    duration_s: float
    levels: list[StreamLevel]
    is_complete: bool

    @classmethod
    def from_samples(cls, samples: Samples, *, is_complete: bool = True) -> "EncodedStreams":
        """Encode samples; `is_complete` tells that all columns were asked for.

        Raises ValueError where the columns differ in length.
        """
        count = len(samples.time_s)
        encoded = encode_samples(samples)
        return cls(
            sample_count=count,
            samples=encoded.samples,
            positions=encoded.positions,
            marks=encoded.marks,
            duration_s=float(samples.time_s[-1]) if count else 0.0,
            levels=encoded.levels,
            is_complete=is_complete,
        )


def stream_row(activity: Any, encoded: EncodedStreams) -> dict[str, Any]:
    """Make the parameters of `streams.store`, for an activity that has `id` and `athlete_id`."""
    names = ("sample_count", "samples", "positions", "marks", "duration_s", "is_complete")
    owner = {"activity_id": activity.id, "owner_id": activity.athlete_id}
    return owner | {name: getattr(encoded, name) for name in names}


def store_streams(connection: Connection, activity: Any, encoded: EncodedStreams) -> None:
    """Replace what is stored of an activity's samples. Its route is to be written after them.

    `activity` has `id` and `athlete_id`.
    """
    row = stream_row(activity, encoded)
    if connection.execute(streams.store_first(), row).first() is None:
        connection.execute(streams.store(), row)
        connection.execute(activity_route.forget_samples(), {"activity": activity.id})
        connection.execute(streams.discard_levels(), row)
    store_levels(connection, [(activity, encoded)])


def held_row(activity: Any, encoded: EncodedStreams, state: Mapping[str, Any]) -> dict[str, Any]:
    """Make the parameters of `streams.store_held`, but the job and the athlete.

    `activity` has `id` and `athlete_id`, `state` is a row of `effort_derivation.record`.
    """
    return {
        "rows": values_of([state]),
        **stream_row(activity, encoded),
        **_arrays([_level_row(each) for each in encoded.levels]),
    }


def store_levels(connection: Connection, found: Iterable[tuple[Any, EncodedStreams]]) -> None:
    """Store the levels of activities that have none; each has `id` and `athlete_id`."""
    rows = [row for activity, encoded in found for row in _level_rows(activity, encoded)]
    if rows:
        connection.execute(streams.store_levels(), _arrays(rows))


def _level_rows(activity: Any, encoded: EncodedStreams) -> list[dict[str, Any]]:
    owner = {"activity_id": activity.id, "athlete_id": activity.athlete_id}
    return [owner | _level_row(level) for level in encoded.levels]


def _level_row(level: StreamLevel) -> dict[str, Any]:
    return {"points": level.points, "samples": level.samples, "positions": level.positions}


def _arrays(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Make the parameters of statements that store levels, of rows with the same columns."""
    arrays = {name: [row[name] for row in rows] for name in (rows[0] if rows else _LEVEL_COLUMNS)}
    return {
        f"of_{name}": packed_bytes(values) if name in streams.PACKED else values
        for name, values in arrays.items()
    }


def stored_rows(connection: Connection, activities: Sequence[Any]) -> dict[int, Any]:
    """Select the rows with the samples of activities, by the activity; each has `id` and `athlete_id`."""
    found = connection.execute(streams.samples(), streams.values_of_owners(activities))
    return {row.activity_id: row for row in found}


def samples_in(row: Any, files: StoredOriginals) -> tuple[Samples, EncodedStreams | None]:
    """Read what is derived from of the samples in a row, all columns where they are to be stored.

    They come encoded again where they have no levels: versions before 0.3 stored none. Raises
    CorruptStreams, and OriginalUnreachable or OriginalMissing where they are in a file.
    """
    if row.marks is not None:
        found = whole(files, row)
        return decode_arrays(found.samples, found.positions, _DERIVED_FROM), None
    samples = decode_arrays(row.samples, row.positions)
    try:
        return samples, EncodedStreams.from_samples(samples, is_complete=row.is_complete)
    except (ValueError, OverflowError) as error:
        raise CorruptStreams("stored samples cannot be encoded again") from error
