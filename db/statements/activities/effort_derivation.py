"""Which activities' efforts are still to be derived, and the record that they were.

Also which streams Strava is to be asked for again.
"""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    ColumnElement,
    Executable,
    Float,
    Integer,
    all_,
    and_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    update,
)

from db.models import (
    Activity,
    ActivityHeartRates,
    ActivityRoute,
    ActivitySource,
    ActivitySplit,
    ActivityStreams,
    BestEffort,
    MovedSamples,
    StreamsState,
    SyncProblem,
    SyncStage,
)
from db.statements.activities.activity_deletion import keep_exclusions
from db.statements.interval import seconds
from db.statements.new_rows import given_rows

# Not "athlete_id": in an UPDATE a value passed under a column's name is written to that column.
_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_ACTIVITY_ID = bindparam("activity_id", type_=BigInteger)
_JOB_ID = bindparam("job_id", type_=BigInteger)
_WANTED_VERSION = bindparam("wanted_version", type_=Integer)
_WITHOUT = Activity.streams_state.in_((StreamsState.UNREAD, StreamsState.ABSENT))

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
    Activity.trainer,
    Activity.streams_state,
    Activity.streams_tries,
    Activity.streams_asked_by_job_id,
    Activity.given_efforts,
    Activity.updated_at,
)
_RECORDED = ("id", "updated_at", "efforts_version", "streams_state", "given_efforts")
_MAY_HAVE_STREAMS = and_(
    Activity.source == ActivitySource.STRAVA, ~Activity.manual, Activity.distance_m > 0
)


@cache
def pending(*, one: bool = False) -> Executable:
    """Select activities of `athlete` with efforts still to be derived, newest first.

    Selects at most `row_limit`. Their streams are to be fetched, or their efforts are of a version
    before `wanted_version`, and they are not `left_out` (ids). Last come those that are
    `asked_again`, because Strava had no streams, or none that can be used: with `repeats`, also
    those that the job `job_id` itself asked for; with `with_old`, also those that versions before
    0.3 left, which asked once. With `one`, only the activity with the Strava id
    `only_strava_id` is considered, and asked for again whenever that was.
    """
    left_out = bindparam("left_out", type_=ARRAY(BigInteger))
    asked_again = _asked_again(one=one).label("asked_again")
    return (
        select(*_TO_DERIVE_FROM, asked_again)
        .where(
            Activity.athlete_id == _ATHLETE_ID, *_to_derive(one=one), Activity.id != all_(left_out)
        )
        .order_by(asked_again, Activity.started_at.desc(), Activity.id.desc())
        .limit(bindparam("row_limit", type_=Integer))
    )


def count_pending(*, one: bool = False) -> Executable:
    """Count the activities of `pending`, without its limit and `left_out`."""
    return (
        select(func.count())
        .select_from(Activity)
        .where(Activity.athlete_id == _ATHLETE_ID, *_to_derive(one=one))
    )


def _to_derive(*, one: bool) -> Sequence[ColumnElement[bool]]:
    todo = or_(Activity.streams_state == StreamsState.PENDING, _outdated(), _asked_again(one=one))
    return (
        (todo, Activity.strava_id == bindparam("only_strava_id", type_=BigInteger))
        if one
        else (todo,)
    )


def _asked_again(*, one: bool) -> ColumnElement[bool]:
    due = or_(
        Activity.streams_retry_at <= func.now(),
        and_(
            Activity.streams_retry_at.is_(None),
            Activity.streams_tries == 0,
            bindparam("with_old", type_=Boolean),
        ),
    )
    this_job = Activity.streams_asked_by_job_id.is_distinct_from(_JOB_ID)
    not_asked_yet = or_(this_job, bindparam("repeats", type_=Boolean))
    return and_(_WITHOUT, _MAY_HAVE_STREAMS, not_asked_yet, *(() if one else (due,)))


def _outdated() -> ColumnElement[bool]:
    """Condition that efforts are of no version, or of one before `wanted_version`.

    What newer rules derived stays, or old and new workers would undo each other's work during an
    upgrade.
    """
    version = Activity.efforts_version
    return or_(version.is_(None), version < _WANTED_VERSION)


@cache
def rederivable(*, of_athlete: bool) -> Executable:
    """Select activities with final streams below `below_id`, at most `row_limit`, highest id first.

    With `of_athlete`, all of `athlete`; else those of all athletes with efforts of another version
    than `wanted_version`: also of a newer one, after a return to an older release.
    """
    return (
        select(*_TO_DERIVE_FROM)
        .where(*_rederivable(of_athlete=of_athlete))
        .order_by(Activity.id.desc())
        .limit(bindparam("row_limit", type_=Integer))
    )


@cache
def files_of_rederivable(*, of_athlete: bool) -> Executable:
    """Select the files with samples of the activities of `rederivable`, a row each, in its order.

    Columns: `file_id`, `place` and `packed_bytes`, null where the samples are in the database.
    """
    batch = (
        select(Activity.id, Activity.athlete_id)
        .where(*_rederivable(of_athlete=of_athlete))
        .order_by(Activity.id.desc())
        .limit(bindparam("row_limit", type_=Integer))
        .subquery()
    )
    of_activity = and_(
        MovedSamples.athlete_id == batch.c.athlete_id, MovedSamples.activity_id == batch.c.id
    )
    return (
        select(MovedSamples.file_id, MovedSamples.place, MovedSamples.packed_bytes)
        .select_from(batch.outerjoin(MovedSamples, of_activity))
        .order_by(batch.c.id.desc())
    )


def count_rederivable(*, of_athlete: bool) -> Executable:
    """Count the activities of `rederivable`, without its limit."""
    return select(func.count()).select_from(Activity).where(*_rederivable(of_athlete=of_athlete))


def _rederivable(*, of_athlete: bool) -> Sequence[ColumnElement[bool]]:
    return (
        Activity.id < bindparam("below_id", type_=BigInteger),
        Activity.streams_state != StreamsState.PENDING,
        Activity.athlete_id == _ATHLETE_ID
        if of_athlete
        else Activity.efforts_version.is_distinct_from(_WANTED_VERSION),
    )


def clear_unwanted() -> tuple[Executable, ...]:
    """Make the statements that delete streams, splits, routes and efforts of activities that are not runs.

    They are for the activities of `athlete`. The last one marks them as derived with
    `wanted_version`, and its row count is their number.
    """
    ids = select(Activity.id).where(
        Activity.athlete_id == _ATHLETE_ID,
        Activity.streams_state == StreamsState.UNWANTED,
        _outdated(),
    )
    return (
        delete(ActivityStreams).where(
            ActivityStreams.athlete_id == _ATHLETE_ID, ActivityStreams.activity_id.in_(ids)
        ),
        delete(ActivityHeartRates).where(ActivityHeartRates.activity_id.in_(ids)),
        delete(ActivitySplit).where(ActivitySplit.activity_id.in_(ids)),
        delete(ActivityRoute).where(ActivityRoute.activity_id.in_(ids)),
        keep_exclusions(BestEffort.activity_id.in_(ids)),
        delete(BestEffort).where(BestEffort.activity_id.in_(ids)),
        update(Activity).where(Activity.id.in_(ids)).values(efforts_version=_WANTED_VERSION),
    )


@cache
def record(*, one: bool = False) -> Executable:
    """Record what was derived of activities, with `one` of a single one; returns their ids and athletes.

    The parameter `rows` has the state of their streams, Strava's efforts, and the
    version of the rules, null where they are to be derived again. Of an activity that was deleted
    or changed since it was read nothing is recorded or returned, because that is outdated.
    """
    given = given_rows(Activity, _RECORDED)
    if one:  # else PostgreSQL expects a hundred, and may read all activities for them
        given = select(*given.c).limit(literal_column("1")).subquery("given_row")
    is_stored = given.c.streams_state == StreamsState.STORED
    return (
        update(Activity)
        .where(Activity.id == given.c.id, Activity.updated_at == given.c.updated_at)
        .values(
            efforts_version=given.c.efforts_version,
            streams_state=given.c.streams_state,
            streams_tries=case((is_stored, 0), else_=Activity.streams_tries),
            streams_retry_at=case((is_stored, null()), else_=Activity.streams_retry_at),
            given_efforts=given.c.given_efforts,
        )
        .returning(Activity.id, Activity.athlete_id)
    )


def ask_again() -> Executable:
    """Record that `job_id` asked for the streams of `activity_id` in vain, `tries` jobs in all.

    Strava is asked again in `pause_s` seconds.
    """
    return (
        update(Activity)
        .where(Activity.id == _ACTIVITY_ID)
        .values(
            streams_tries=bindparam("tries", type_=Integer),
            streams_retry_at=func.now() + seconds(bindparam("pause_s", type_=Float)),
            streams_asked_by_job_id=_JOB_ID,
        )
    )


def derive_again() -> Executable:
    """Have the efforts of the activity `problem_of` of `athlete` derived again, where a problem with it stands."""
    failed = exists().where(
        SyncProblem.activity_id == Activity.id,
        SyncProblem.athlete_id == Activity.athlete_id,
        SyncProblem.stage == SyncStage.DERIVING,
    )
    return (
        update(Activity)
        .where(
            Activity.athlete_id == _ATHLETE_ID,
            Activity.strava_id == bindparam("problem_of", type_=BigInteger),
            failed,
        )
        .values(efforts_version=null())
    )


def ask_at_next_sync() -> Executable:
    """Let the next sync of `athlete` ask for the streams that could not be used."""
    return (
        update(Activity)
        .where(Activity.athlete_id == _ATHLETE_ID, Activity.streams_state == StreamsState.UNREAD)
        .values(streams_retry_at=func.now())
    )
