"""What a sync reads and writes of an athlete's activities."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Executable,
    Integer,
    LargeBinary,
    Text,
    any_,
    bindparam,
    case,
    delete,
    func,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute

from db.models import Activity, ActivitySource, ActivityStreams, Athlete, BestEffort, StreamsState

# Not "athlete_id": in an UPDATE a value passed under a column's name is written to that column.
ATHLETE_ID = bindparam("athlete", type_=BigInteger)
ACTIVITY_ID = bindparam("activity_id", type_=BigInteger)
JOB_ID = bindparam("job_id", type_=BigInteger)

# When one of these changes, the recording was cropped or replaced: its streams are fetched anew.
_RECORDING: tuple[InstrumentedAttribute[Any], ...] = (
    Activity.sport_type,
    Activity.started_at,
    Activity.distance_m,
    Activity.elapsed_time_s,
    Activity.manual,
)
_SYNCED: tuple[InstrumentedAttribute[Any], ...] = (
    *_RECORDING,
    Activity.name,
    Activity.started_at_local,
    Activity.timezone,
    Activity.moving_time_s,
    Activity.elevation_gain_m,
    Activity.average_heart_rate_bpm,
    Activity.max_heart_rate_bpm,
    Activity.average_cadence_rpm,
    Activity.visibility,
    Activity.flagged,
)


def upsert_from_strava(rows: Sequence[dict[str, Any]]) -> Executable:
    """Write activities as Strava has them, by (athlete, Strava id): repeating it changes nothing.

    A row has the columns of `_SYNCED` and `athlete_id`, `strava_id`, `streams_state` (what a new recording begins
    with). Returns `id`, `strava_id` and `created` of those that were created or changed.
    """
    insertion = insert(Activity).values([{**row, "source": ActivitySource.STRAVA} for row in rows])
    new = insertion.excluded
    recording_changed = or_(*(column.is_distinct_from(new[column.key]) for column in _RECORDING))
    upsert = insertion.on_conflict_do_update(
        index_elements=[Activity.athlete_id, Activity.strava_id],
        set_={
            **{column.key: new[column.key] for column in _SYNCED},
            "streams_state": case((recording_changed, new.streams_state), else_=Activity.streams_state),
            # Efforts hang on the recording, and whether they count on the rest: derive them again.
            "efforts_version": null(),
            "updated_at": func.now(),
        },
        where=or_(*(column.is_distinct_from(new[column.key]) for column in _SYNCED)),
    )
    # The system column xmax is 0 in a row version that was inserted, not updated.
    created = literal_column("(activities.xmax = 0)", Boolean).label("created")
    return upsert.returning(Activity.id, Activity.strava_id, created)


def mark_seen() -> Executable:
    """Note that a walk of the whole history met activities. Parameters: `athlete`, `strava_ids`, `job_id`."""
    return (
        update(Activity)
        .where(
            Activity.athlete_id == ATHLETE_ID,
            Activity.strava_id == any_(bindparam("strava_ids", type_=ARRAY(BigInteger))),
        )
        .values(seen_by_job_id=JOB_ID)
    )


def unseen() -> Executable:
    """Select an athlete's Strava activities that a walk did not meet. Parameters: `athlete`, `job_id`."""
    return select(Activity.id, Activity.strava_id, Activity.visibility, Activity.started_at_local).where(
        Activity.athlete_id == ATHLETE_ID,
        Activity.source == ActivitySource.STRAVA,
        Activity.seen_by_job_id.is_distinct_from(JOB_ID),
    )


def delete_activities() -> Executable:
    """Delete activities of `athlete` that are `strava_ids` at Strava, and all that was derived; returns their ids."""
    return (
        delete(Activity)
        .where(
            Activity.athlete_id == ATHLETE_ID,
            Activity.strava_id == any_(bindparam("strava_ids", type_=ARRAY(BigInteger))),
        )
        .returning(Activity.id)
    )


def delete_strava_data() -> Executable:
    """Delete all Strava activities of the parameter `athlete`; returns their ids."""
    return (
        delete(Activity)
        .where(Activity.athlete_id == ATHLETE_ID, Activity.source == ActivitySource.STRAVA)
        .returning(Activity.id)
    )


_TO_DERIVE_FROM = (
    Activity.id,
    Activity.athlete_id,
    Activity.strava_id,
    Activity.sport_type,
    Activity.started_at,
    Activity.started_at_local,
    Activity.distance_m,
    Activity.elapsed_time_s,
    Activity.flagged,
    Activity.manual,
    Activity.streams_state,
    Activity.given_efforts,
    Activity.updated_at,
)


def underived(*, one: bool = False) -> Executable:
    """Select the activities of `athlete` whose efforts are still to be derived, newest first, at most `row_limit`.

    These are the ones with streams to fetch or without efforts of the version `wanted_version`; with `one`, only the
    one that is `only_strava_id` at Strava.
    """
    return (
        select(*_TO_DERIVE_FROM)
        .where(Activity.athlete_id == ATHLETE_ID, *_to_derive(one=one))
        .order_by(Activity.started_at.desc(), Activity.id.desc())
        .limit(bindparam("row_limit", type_=Integer))
    )


def count_underived(*, one: bool = False) -> Executable:
    """Count what `underived` would select without its limit."""
    return select(func.count()).select_from(Activity).where(Activity.athlete_id == ATHLETE_ID, *_to_derive(one=one))


def _to_derive(*, one: bool) -> Sequence[ColumnElement[bool]]:
    todo = or_(Activity.streams_state == StreamsState.PENDING, _outdated())
    return (todo, Activity.strava_id == bindparam("only_strava_id", type_=BigInteger)) if one else (todo,)


def _outdated() -> ColumnElement[bool]:
    return Activity.efforts_version.is_distinct_from(bindparam("wanted_version", type_=Integer))


def rederivable(*, of_athlete: bool) -> Executable:
    """Select activities below `below_id`, in falling order of ids, at most `row_limit`, whose streams are settled.

    With `of_athlete` all of `athlete`, else those of all athletes whose efforts are not of `wanted_version`.
    """
    return (
        select(*_TO_DERIVE_FROM)
        .where(*_rederivable(of_athlete=of_athlete))
        .order_by(Activity.id.desc())
        .limit(bindparam("row_limit", type_=Integer))
    )


def count_rederivable(*, of_athlete: bool) -> Executable:
    """Count what `rederivable` would select without its limit."""
    return select(func.count()).select_from(Activity).where(*_rederivable(of_athlete=of_athlete))


def _rederivable(*, of_athlete: bool) -> Sequence[ColumnElement[bool]]:
    return (
        Activity.id < bindparam("below_id", type_=BigInteger),
        Activity.streams_state != StreamsState.PENDING,
        Activity.athlete_id == ATHLETE_ID if of_athlete else _outdated(),
    )


def athletes_after() -> Executable:
    """Select ids of athletes above `after_id`, in order, at most `row_limit`."""
    return (
        select(Athlete.id)
        .where(Athlete.id > bindparam("after_id", type_=BigInteger))
        .order_by(Athlete.id)
        .limit(bindparam("row_limit", type_=Integer))
    )


def lock_athlete() -> Executable:
    """Select `sex` and `birth_date` of `athlete`, and let nobody else derive for the athlete until the commit."""
    return select(Athlete.sex, Athlete.birth_date).where(Athlete.id == ATHLETE_ID).with_for_update(key_share=True)


def settle_unwanted() -> tuple[Executable, ...]:
    """Make the statements that leave `athlete`'s activities that are no runs without streams and efforts.

    The last one counts them; parameter also: `wanted_version`.
    """
    ids = select(Activity.id).where(
        Activity.athlete_id == ATHLETE_ID, Activity.streams_state == StreamsState.UNWANTED, _outdated()
    )
    return (
        delete(ActivityStreams).where(ActivityStreams.activity_id.in_(ids)),
        delete(BestEffort).where(BestEffort.activity_id.in_(ids)),
        update(Activity).where(Activity.id.in_(ids)).values(efforts_version=bindparam("wanted_version", type_=Integer)),
    )


def stored_samples() -> Executable:
    """Select the compressed samples of the parameter `activity_id`."""
    return select(ActivityStreams.samples).where(ActivityStreams.activity_id == ACTIVITY_ID)


def store_streams() -> Executable:
    """Write the samples of one activity. Parameters: `activity_id`, `sample_count`, `samples`."""
    insertion = insert(ActivityStreams).values(
        activity_id=ACTIVITY_ID,
        sample_count=bindparam("sample_count", type_=Integer),
        samples=bindparam("samples", type_=LargeBinary),
    )
    return insertion.on_conflict_do_update(
        index_elements=[ActivityStreams.activity_id],
        set_={"sample_count": insertion.excluded.sample_count, "samples": insertion.excluded.samples},
    )


def discard_streams() -> Executable:
    """Delete the samples of the parameter `activity_id`."""
    return delete(ActivityStreams).where(ActivityStreams.activity_id == ACTIVITY_ID)


def note_derived() -> Executable:
    """Note that `activity_id` has efforts of `wanted_version`, its streams being `new_state`; returns the id.

    `new_given_efforts` are Strava's. Nothing is returned, and nothing noted, where the activity is gone or was changed
    since `seen_at`: what was derived is of yesterday then.
    """
    return (
        update(Activity)
        .where(
            Activity.id == ACTIVITY_ID,
            Activity.updated_at == bindparam("seen_at", type_=DateTime(timezone=True)),
        )
        .values(
            efforts_version=bindparam("wanted_version", type_=Integer),
            streams_state=bindparam("new_state", type_=Text),
            given_efforts=bindparam("new_given_efforts", type_=Activity.given_efforts.type),
        )
        .returning(Activity.id)
    )


def recordings() -> Executable:
    """Select what tells duplicates apart, of all activities of the parameter `athlete`."""
    return select(
        Activity.id,
        Activity.sport_type,
        Activity.started_at,
        Activity.elapsed_time_s,
        Activity.distance_m,
        (Activity.streams_state == StreamsState.STORED).label("has_streams"),
        Activity.flagged,
        Activity.duplicate_of_id,
    ).where(Activity.athlete_id == ATHLETE_ID)


def set_duplicate_of() -> Executable:
    """Note of the parameter `activity_id` that `original_id` stands for it; null: it stands for itself."""
    return (
        update(Activity)
        .where(Activity.id == ACTIVITY_ID)
        .values(duplicate_of_id=bindparam("original_id", type_=BigInteger))
    )
