"""What a sync reads and writes of an athlete's activities."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Executable,
    Integer,
    LargeBinary,
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

from db.models import Activity, ActivitySource, ActivityStreams, StreamsState

ATHLETE_ID = bindparam("athlete_id", type_=BigInteger)
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
    """Note that a walk of the whole history met activities. Parameters: `athlete_id`, `strava_ids`, `job_id`."""
    return (
        update(Activity)
        .where(
            Activity.athlete_id == ATHLETE_ID,
            Activity.strava_id == any_(bindparam("strava_ids", type_=ARRAY(BigInteger))),
        )
        .values(seen_by_job_id=JOB_ID)
    )


def unseen() -> Executable:
    """Select `id`, `strava_id`, `visibility` of an athlete's Strava activities that a walk did not meet.

    Parameters: `athlete_id`, `job_id`.
    """
    return select(Activity.id, Activity.strava_id, Activity.visibility, Activity.started_at).where(
        Activity.athlete_id == ATHLETE_ID,
        Activity.source == ActivitySource.STRAVA,
        Activity.seen_by_job_id.is_distinct_from(JOB_ID),
    )


def delete_activities() -> Executable:
    """Delete activities by the parameter `ids`, and with them all that was derived; returns the deleted ids."""
    return delete(Activity).where(Activity.id == any_(bindparam("ids", type_=ARRAY(BigInteger)))).returning(Activity.id)


def delete_strava_data() -> Executable:
    """Delete all Strava activities of the parameter `athlete_id`; returns their ids."""
    return (
        delete(Activity)
        .where(Activity.athlete_id == ATHLETE_ID, Activity.source == ActivitySource.STRAVA)
        .returning(Activity.id)
    )


def underived(*, everything: bool = False) -> Executable:
    """Select the activities of `athlete_id` whose efforts are still to be derived, newest first, at most `row_limit`.

    These are the ones with streams to fetch or without efforts of the version `efforts_version`; with `everything`,
    all with an id below `below_id`, in the order of ids.
    """
    statement = select(
        Activity.id,
        Activity.strava_id,
        Activity.sport_type,
        Activity.started_at,
        Activity.started_at_local,
        Activity.distance_m,
        Activity.elapsed_time_s,
        Activity.flagged,
        Activity.streams_state,
        Activity.given_efforts,
    ).where(Activity.athlete_id == ATHLETE_ID)
    if everything:
        below = Activity.id < bindparam("below_id", type_=BigInteger)
        return statement.where(below).order_by(Activity.id.desc()).limit(bindparam("row_limit", type_=Integer))
    return (
        statement.where(_to_derive())
        .order_by(Activity.started_at.desc(), Activity.id.desc())
        .limit(bindparam("row_limit", type_=Integer))
    )


def count_underived(*, everything: bool = False) -> Executable:
    """Count what `underived` would select without its limit."""
    statement = select(func.count()).select_from(Activity).where(Activity.athlete_id == ATHLETE_ID)
    if everything:
        return statement.where(Activity.id < bindparam("below_id", type_=BigInteger))
    return statement.where(_to_derive())


def _to_derive() -> ColumnElement[bool]:
    return or_(
        Activity.streams_state == StreamsState.PENDING,
        Activity.efforts_version.is_distinct_from(bindparam("efforts_version", type_=Integer)),
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


def note_derived(streams_state: StreamsState | None = None, **values: Any) -> Executable:
    """Note that `activity_id` has efforts of the version `efforts_version`, and what is known of its streams."""
    if streams_state is not None:
        values["streams_state"] = streams_state
    return (
        update(Activity)
        .where(Activity.id == ACTIVITY_ID)
        .values(efforts_version=bindparam("efforts_version", type_=Integer), **values)
    )


def recordings() -> Executable:
    """Select what tells duplicates apart, of all runs of the parameter `athlete_id`."""
    return select(
        Activity.id,
        Activity.sport_type,
        Activity.started_at,
        Activity.elapsed_time_s,
        Activity.distance_m,
        (Activity.streams_state == StreamsState.STORED).label("has_streams"),
        Activity.duplicate_of_id,
    ).where(Activity.athlete_id == ATHLETE_ID)


def set_duplicate_of() -> Executable:
    """Note of the parameter `activity_id` that `original_id` stands for it; null: it stands for itself."""
    return (
        update(Activity)
        .where(Activity.id == ACTIVITY_ID)
        .values(duplicate_of_id=bindparam("original_id", type_=BigInteger))
    )
