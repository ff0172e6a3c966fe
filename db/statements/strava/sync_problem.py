"""Activities that syncs could not have: why, since when, and when they are tried again."""

from collections.abc import Sequence
from functools import cache

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Executable,
    Integer,
    Text,
    any_,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from db.models import (
    Activity,
    JobKind,
    StravaConnection,
    StreamsState,
    SyncProblem,
    SyncStage,
)
from db.statements.interval import next_try
from db.statements.jobs.job import create_syncs, has_active

FOR_PROBLEMS = {"cause": "problems"}
"""Arguments of the sync that tries activities again that are due."""

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_JOB_ID = bindparam("job_id", type_=BigInteger)
_STRAVA_ID = bindparam("problem_of", type_=BigInteger)
_STRAVA_IDS = bindparam("strava_ids", type_=ARRAY(BigInteger))
_MINE: ColumnElement[bool] = SyncProblem.athlete_id == _ATHLETE_ID


def record(pauses_s: Sequence[float]) -> Executable:
    """Record that `job_id` tried the activity `problem_of` of `athlete` in vain.

    Parameters also: `reason_code`, `reason`, `problem_stage`. Several tries of one job count once.
    Nothing is written for an athlete without a connection. `problem_of` may be null. It is tried
    again after `pauses_s`, by its tries.
    """
    activity = (
        select(Activity.id)
        .where(Activity.athlete_id == _ATHLETE_ID, Activity.strava_id == _STRAVA_ID)
        .scalar_subquery()
    )
    first_try = case((_STRAVA_ID.is_(None), null()), else_=next_try(pauses_s, literal(1)))
    columns = {
        "connection_id": StravaConnection.id,
        "athlete_id": StravaConnection.athlete_id,
        "strava_id": _STRAVA_ID,
        "activity_id": activity,
        "stage": bindparam("problem_stage", type_=Text),
        "code": bindparam("reason_code", type_=Text),
        "message": bindparam("reason", type_=Text),
        "job_id": _JOB_ID,
        "next_try_at": first_try,
    }
    source = select(*columns.values()).where(StravaConnection.athlete_id == _ATHLETE_ID)
    insertion = insert(SyncProblem).from_select(list(columns), source)
    new = insertion.excluded
    again = SyncProblem.job_id == new.job_id
    tries = SyncProblem.tries + case((again, 0), else_=1)
    return insertion.on_conflict_do_update(
        index_elements=[SyncProblem.athlete_id, SyncProblem.strava_id],
        set_={
            **{name: new[name] for name in ("activity_id", "stage", "code", "message", "job_id")},
            "tries": tries,
            "tried_at": func.now(),
            "next_try_at": case((new.strava_id.is_(None), null()), else_=next_try(pauses_s, tries)),
        },
    )


@cache
def solve() -> Executable:
    """Delete the problems of the activities `strava_ids` of `athlete`: they are as on Strava now."""
    return delete(SyncProblem).where(_MINE, SyncProblem.strava_id == any_(_STRAVA_IDS))


def solve_unnamed() -> Executable:
    """Delete the problem of activities of `athlete` without a readable id."""
    return delete(SyncProblem).where(_MINE, SyncProblem.strava_id.is_(None))


def solve_read() -> Executable:
    """Delete the problems with reading the activities `strava_ids` of `athlete`: they are stored."""
    return delete(SyncProblem).where(
        _MINE,
        SyncProblem.stage == SyncStage.READING,
        SyncProblem.strava_id == any_(_STRAVA_IDS),
    )


def solve_unwanted() -> Executable:
    """Delete the problems with activities of `athlete` of which nothing is derived any more."""
    unwanted = exists().where(
        Activity.id == SyncProblem.activity_id,
        Activity.athlete_id == SyncProblem.athlete_id,
        Activity.streams_state == StreamsState.UNWANTED,
    )
    return delete(SyncProblem).where(_MINE, SyncProblem.stage == SyncStage.DERIVING, unwanted)


def ask() -> Executable:
    """Let the activities of `athlete` be tried now; returns the Strava ids.

    With `problem_of` only that activity.
    """
    one = or_(_STRAVA_ID.is_(None), SyncProblem.strava_id == _STRAVA_ID)
    return (
        update(SyncProblem)
        .where(_MINE, SyncProblem.strava_id.is_not(None), one)
        .values(next_try_at=func.now(), is_asked_for=True)
        .returning(SyncProblem.strava_id)
    )


def take(pauses_s: Sequence[float]) -> Executable:
    """Take the activities of `athlete` that are due, at most `most`, oldest problem first.

    Returns `strava_id` and `is_asked_for`. Should the job end without trying one, it is tried
    again after the next of `pauses_s`.
    """
    due = (
        select(SyncProblem.id, SyncProblem.is_asked_for)
        .where(_MINE, SyncProblem.next_try_at <= func.now())
        .order_by(SyncProblem.since, SyncProblem.id)
        .limit(bindparam("most", type_=Integer))
        .with_for_update()
        .cte("due")
    )
    return (
        update(SyncProblem)
        .where(SyncProblem.id == due.c.id)
        .values(next_try_at=next_try(pauses_s, SyncProblem.tries), is_asked_for=False)
        .returning(SyncProblem.strava_id, due.c.is_asked_for)
    )


@cache
def create_due_jobs() -> Executable:
    """Create syncs for athletes with activities to try again; returns their summaries.

    Athletes whose tokens Strava refuses, or with a sync under way, wait.
    """
    active = has_active(SyncProblem.athlete_id, JobKind.STRAVA_SYNC)
    athlete = (
        select(SyncProblem.athlete_id)
        .join(StravaConnection, StravaConnection.id == SyncProblem.connection_id)
        .where(
            SyncProblem.next_try_at <= func.now(), StravaConnection.refused_at.is_(None), ~active
        )
        .distinct()
        .order_by(SyncProblem.athlete_id)
        .subquery()
    )
    return create_syncs(athlete.c.athlete_id, FOR_PROBLEMS)


def state() -> Executable:
    """Select the number of problems (`problems`), and of athletes with one (`athletes`)."""
    return select(
        func.count().label("problems"),
        func.count(SyncProblem.athlete_id.distinct()).label("athletes"),
    ).select_from(SyncProblem)
