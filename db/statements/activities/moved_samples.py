"""Samples of activities that are outside of the database, and how they get there and back."""

from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Executable,
    Float,
    Integer,
    LargeBinary,
    Text,
    and_,
    bindparam,
    case,
    exists,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from db.models import Activity, ActivityStreams, MovedSamples
from db.statements.interval import ago
from db.statements.page import AnySelect, Columns

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_ACTIVITY_ID = bindparam("activity", type_=BigInteger)
_MOST = bindparam("most", type_=Integer)
_AFTER_ID = bindparam("after_id", type_=BigInteger)
_FILE_ID = bindparam("file", type_=BigInteger)
_PLACE = bindparam("at_place", type_=Text)
_IS_OLD = Activity.started_at < ago(bindparam("age_s", type_=Float))
_NOTHING = b""
OF_ACTIVITY = and_(
    ActivityStreams.athlete_id == Activity.athlete_id, ActivityStreams.activity_id == Activity.id
)
"""Condition to join an activity's samples; the athlete tells in which partition they are."""
OF_STREAMS = and_(
    MovedSamples.athlete_id == ActivityStreams.athlete_id,
    MovedSamples.activity_id == ActivityStreams.activity_id,
)
"""Condition to join the file of an activity's samples, of which most have none."""
FILE: Columns = {
    "file_id": MovedSamples.file_id,
    "file_place": MovedSamples.place,
    "file_digest": MovedSamples.digest,
}
"""What `db.moved_samples.SamplesFile` is made of; null for samples in the database."""
_OF_ONE = and_(
    ActivityStreams.athlete_id == _ATHLETE_ID, ActivityStreams.activity_id == _ACTIVITY_ID
)
_COLUMNS = (
    ActivityStreams.activity_id,
    ActivityStreams.athlete_id,
    ActivityStreams.samples,
    ActivityStreams.positions,
    ActivityStreams.marks,
)


def _of_athlete() -> Any:
    return or_(_ATHLETE_ID.is_(None), ActivityStreams.athlete_id == _ATHLETE_ID)


@cache
def stored_here() -> Executable:
    """Select at most `most` rows with samples in the database, in the order of their activities.

    They are of `athlete`, of all athletes if it is null, with ids after `after_id`, of activities
    that began `age_s` ago or earlier, and have marks, as versions before 0.3 stored none.
    """
    return (
        select(*_COLUMNS)
        .join(Activity, OF_ACTIVITY)
        .where(
            _of_athlete(),
            ActivityStreams.activity_id > _AFTER_ID,
            ActivityStreams.marks.is_not(None),
            ActivityStreams.samples != _NOTHING,
            _IS_OLD,
        )
        .order_by(ActivityStreams.activity_id)
        .limit(_MOST)
    )


@cache
def stored_elsewhere() -> AnySelect:
    """Select at most `most` rows with samples in files (`FILE`), as `stored_here`, of any age."""
    return (
        select(*_COLUMNS, *(value.label(name) for name, value in FILE.items()))
        .join(MovedSamples, OF_STREAMS)
        .where(_of_athlete(), ActivityStreams.activity_id > _AFTER_ID)
        .order_by(ActivityStreams.activity_id)
        .limit(_MOST)
    )


def are_any() -> Executable:
    """Select whether any samples are in files."""
    return select(exists().where(MovedSamples.file_id.is_not(None)))


@cache
def stored_in_another_place() -> Executable:
    """Select rows as `stored_elsewhere` whose files are not at `at_place`, of the age `age_s`."""
    return (
        stored_elsewhere().join(Activity, OF_ACTIVITY).where(MovedSamples.place != _PLACE, _IS_OLD)
    )


@cache
def take_out() -> Executable:
    """Empty the samples of `athlete`'s `activity` unless a column changed since it was read as `old_…`.

    Returns its id, nothing if one did.
    """
    read = {"samples": "old_samples", "marks": "old_marks", "positions": "old_positions"}
    unchanged = (
        getattr(ActivityStreams, name).is_not_distinct_from(bindparam(old, type_=LargeBinary))
        for name, old in read.items()
    )
    return (
        update(ActivityStreams)
        .where(_OF_ONE, *unchanged)
        .values(
            samples=_NOTHING,
            marks=_NOTHING,
            # Null stays: whether there are any tells others something else (`privacy_zone.py`).
            positions=case((ActivityStreams.positions.is_not(None), _NOTHING)),
        )
        .returning(ActivityStreams.activity_id)
    )


@cache
def note() -> Executable:
    """Note the file of the samples of `athlete`'s `activity`, which are taken out."""
    return insert(MovedSamples).values(
        athlete_id=_ATHLETE_ID,
        activity_id=_ACTIVITY_ID,
        file_id=_FILE_ID,
        place=_PLACE,
        digest=bindparam("digest", type_=LargeBinary),
        packed_bytes=bindparam("packed_bytes", type_=BigInteger),
    )


@cache
def change_place() -> Executable:
    """Note that `athlete`'s samples in the file `file` are in `new_file` at `at_place` now.

    Returns the activity, nothing if they are not in `file` any more.
    """
    return (
        update(MovedSamples)
        .where(
            MovedSamples.athlete_id == _ATHLETE_ID,
            MovedSamples.activity_id == _ACTIVITY_ID,
            MovedSamples.file_id == _FILE_ID,
        )
        .values(file_id=bindparam("new_file", type_=BigInteger), place=_PLACE)
        .returning(MovedSamples.activity_id)
    )


@cache
def put_back() -> Executable:
    """Write samples of `athlete`'s `activity` back that are in `file`; a trigger lets go of that.

    Returns its id, nothing if other samples are there meanwhile.
    """
    has_file = (
        select(MovedSamples.file_id).where(OF_STREAMS, MovedSamples.file_id == _FILE_ID).exists()
    )
    return (
        update(ActivityStreams)
        .where(_OF_ONE, has_file)
        .values(
            samples=bindparam("whole_samples", type_=LargeBinary),
            marks=bindparam("whole_marks", type_=LargeBinary),
            positions=bindparam("whole_positions", type_=LargeBinary),
        )
        .returning(ActivityStreams.activity_id)
    )
