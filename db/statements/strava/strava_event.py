"""Events of Strava's webhook: stored by the API, taken and deleted by jobs.

Rows are locked in the order of their key everywhere, so that writers do not block each other.
"""

from functools import cache

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Executable,
    Float,
    Integer,
    Select,
    TableValuedAlias,
    Text,
    any_,
    bindparam,
    cast,
    delete,
    exists,
    false,
    func,
    literal,
    null,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from db.models import (
    Job,
    JobKind,
    JobStatus,
    StravaConnection,
    StravaEvent,
    StravaObject,
)
from db.statements.interval import ago, next_try, seconds
from db.statements.jobs.job import SUMMARY, create_of, has_active
from db.statements.jobs.job_queue import oldest_where, wake_where

_CONNECTIONS = bindparam("connections", type_=ARRAY(BigInteger))
_JOB_ID = bindparam("job_id", type_=BigInteger)
_KEY = (StravaEvent.connection_id, StravaEvent.object_type, StravaEvent.object_id)
_SECOND_LOOK_S = 60
"""A sync that runs has stored the page that it was reading by then."""


def owners() -> Executable:
    """Select the connections of the Strava athletes `owners`, and keep them until the commit."""
    wanted = any_(bindparam("owners", type_=ARRAY(BigInteger)))
    return (
        select(
            StravaConnection.id,
            StravaConnection.athlete_id,
            StravaConnection.strava_athlete_id,
            StravaConnection.refused_at,
        )
        .where(StravaConnection.strava_athlete_id == wanted)
        .order_by(StravaConnection.id)
        .with_for_update(key_share=True, read=True)
    )


@cache
def store() -> Executable:
    """Store events, each object once; returns the keys of those that were.

    The events come as arrays of the same length: `connections`, `kinds`, `objects`. New ones
    beyond `most` activities of one connection are not stored: the end of an access always is, which
    is one object. An object that waits already is due again.
    """
    event = _told_of()
    columns = (
        cast(event.c.connection_id, BigInteger),
        cast(event.c.object_type, Text),
        cast(event.c.object_id, BigInteger),
    )
    # Looked up for all events at once: a plan of when the table was empty scans it for each look.
    waiting = (
        select(StravaEvent.connection_id, func.count().label("number"))
        .where(StravaEvent.connection_id == any_(_CONNECTIONS))
        .group_by(StravaEvent.connection_id)
        .subquery()
    )
    there = aliased(StravaEvent)
    is_there = (
        (there.connection_id == columns[0])
        & (there.object_type == columns[1])
        & (there.object_id == columns[2])
    )
    has_room = func.coalesce(waiting.c.number, 0) < bindparam("most", type_=Integer)
    chosen = (
        select(*columns)
        .select_from(event)
        .outerjoin(waiting, waiting.c.connection_id == columns[0])
        .outerjoin(there, is_there)
        .where(
            or_(
                has_room,
                there.connection_id.is_not(None),
                columns[1] == StravaObject.ATHLETE.value,
            )
        )
        .distinct()
        .order_by(*columns)
    )
    return (
        insert(StravaEvent)
        .from_select([column.name for column in _KEY], chosen)
        .on_conflict_do_update(
            index_elements=list(_KEY),
            set_={
                "job_id": null(),
                "tries": 0,
                "is_second_look": false(),
                "received_at": func.now(),
                "due_at": func.now(),
            },
        )
        .returning(*_KEY)
    )


def _told_of() -> TableValuedAlias:
    return (
        func.unnest(
            _CONNECTIONS,
            bindparam("kinds", type_=ARRAY(Text)),
            bindparam("objects", type_=ARRAY(BigInteger)),
        )
        .table_valued("connection_id", "object_type", "object_id")
        .render_derived(name="event")
    )


@cache
def create_jobs() -> Executable:
    """Create jobs for the athletes `athletes` that have none active; returns their summaries.

    `origins` are the ids of the requests that created them, in the same order.
    """
    athlete = (
        func.unnest(
            bindparam("athletes", type_=ARRAY(BigInteger)), bindparam("origins", type_=ARRAY(Text))
        )
        .table_valued("athlete_id", "request_id")
        .render_derived(name="athlete")
    )
    athlete_id = cast(athlete.c.athlete_id, BigInteger)
    return create_of(
        select(
            athlete_id.label("athlete_id"),
            literal(JobKind.STRAVA_WEBHOOK.value, Text).label("kind"),
            cast(athlete.c.request_id, Text).label("request_id"),
        ).order_by(athlete_id)
    )


@cache
def create_due_jobs() -> Executable:
    """Create jobs for athletes with due events and no active job; returns their summaries.

    Strava does not accept the tokens of some: only their revocation is looked into.
    """
    active = has_active(StravaConnection.athlete_id, JobKind.STRAVA_WEBHOOK)
    due = (
        select(
            StravaConnection.athlete_id,
            literal(JobKind.STRAVA_WEBHOOK.value, Text).label("kind"),
        )
        .join(StravaEvent, StravaEvent.connection_id == StravaConnection.id)
        .where(
            StravaEvent.due_at <= func.now(),
            or_(
                StravaConnection.refused_at.is_(None),
                StravaEvent.object_type == StravaObject.ATHLETE,
            ),
            ~active,
        )
        .distinct()
        .order_by(StravaConnection.athlete_id)
    )
    return create_of(due)


@cache
def wake_revoked() -> Executable:
    """Queue the jobs that wait while an end of the access was told, but `held_ids`.

    Returns their summaries. What was told before the job began to wait, and taken by it, does not
    count. It does not ask Strava before its time for anything else: `quota_until` is forgotten.
    """
    is_news = StravaEvent.job_id.is_distinct_from(Job.id)
    told = _tells_of_end(StravaEvent.due_at <= func.now(), is_news)
    held = Job.id == any_(bindparam("held_ids", type_=ARRAY(BigInteger)))
    waits = wake_where(Job.kind == JobKind.STRAVA_WEBHOOK, told, ~held)
    return waits.values(quota_until=null()).returning(*SUMMARY)


@cache
def oldest_deletions() -> Executable:
    """Select the first `most` jobs that delete, or look into an end of the access.

    They have been queued for more than `seconds`.
    """
    looks_into_end = (Job.kind == JobKind.STRAVA_WEBHOOK) & _tells_of_end()
    deletions = [JobKind.STRAVA_DISCONNECT.value, JobKind.ERASE_ATHLETE.value]
    return oldest_where(or_(Job.kind.in_(deletions), looks_into_end))


def _tells_of_end(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the end of the access of a job's athlete was told, by an event of `conditions`."""
    return exists().where(
        StravaConnection.athlete_id == Job.athlete_id,
        StravaEvent.connection_id == StravaConnection.id,
        StravaEvent.object_type == StravaObject.ATHLETE,
        *conditions,
    )


@cache
def take(pauses_s: tuple[float, ...]) -> Executable:
    """Give the due events of `athlete` to the job `job_id`; returns the keys of new ones.

    Should the job end without applying them, they are due again after one of `pauses_s`, by the
    number of jobs that took them.
    """
    free = (
        select(*_KEY)
        .join(StravaConnection, StravaConnection.id == StravaEvent.connection_id)
        .where(
            StravaConnection.athlete_id == bindparam("athlete", type_=BigInteger),
            StravaEvent.due_at <= func.now(),
            StravaEvent.job_id.is_distinct_from(_JOB_ID),
        )
        .order_by(*_KEY)
        .with_for_update(of=StravaEvent, skip_locked=True)
    )
    tries = StravaEvent.tries + 1
    return (
        update(StravaEvent)
        .where(tuple_(*_KEY).in_(free))
        .values(
            job_id=_JOB_ID,
            tries=tries,
            due_at=next_try(pauses_s, tries),
        )
        .returning(StravaEvent.object_type, StravaEvent.object_id)
    )


def taken() -> Executable:
    """Select what the job `job_id` of `athlete` took and did not apply: athletes first, oldest first."""
    return (
        select(StravaEvent.object_type, StravaEvent.object_id, StravaEvent.tries)
        .join(StravaConnection, StravaConnection.id == StravaEvent.connection_id)
        .where(
            StravaConnection.athlete_id == bindparam("athlete", type_=BigInteger),
            StravaEvent.job_id == _JOB_ID,
        )
        .order_by(StravaEvent.object_type.desc(), StravaEvent.received_at, StravaEvent.object_id)
    )


@cache
def look_again() -> Executable:
    """Keep applied events for a second look if a sync of `athlete` runs.

    A page that the sync read before the change may be stored after it. Parameters as in `finish`.
    """
    syncs = exists().where(
        Job.athlete_id == bindparam("athlete", type_=BigInteger),
        Job.kind == JobKind.STRAVA_SYNC,
        Job.status == JobStatus.RUNNING,
    )
    return (
        update(StravaEvent)
        .where(
            tuple_(*_KEY).in_(_applied()),
            StravaEvent.object_type == StravaObject.ACTIVITY,
            StravaEvent.is_second_look.is_(false()),
            syncs,
        )
        .values(
            job_id=null(),
            tries=0,
            is_second_look=true(),
            due_at=func.now() + seconds(float(_SECOND_LOOK_S)),
        )
    )


@cache
def finish() -> Executable:
    """Delete events of the job `job_id`: those of the kind `applied_kind` on `applied_objects`.

    Objects that Strava reported again in the meantime stay, for they are no longer the job's.
    """
    return delete(StravaEvent).where(tuple_(*_KEY).in_(_applied()))


def _applied() -> Select[int, str, int]:
    objects = any_(bindparam("applied_objects", type_=ARRAY(BigInteger)))
    return (
        select(*_KEY)
        .where(
            StravaEvent.job_id == _JOB_ID,
            StravaEvent.object_type == bindparam("applied_kind", type_=Text),
            StravaEvent.object_id == objects,
        )
        .order_by(*_KEY)
        .with_for_update()
    )


@cache
def delete_old() -> Executable:
    """Delete at most `most` events that could not be applied within `kept_s` seconds."""
    old: ColumnElement[bool] = StravaEvent.received_at < ago(bindparam("kept_s", type_=Float))
    rows = (
        select(*_KEY)
        .where(old)
        .order_by(*_KEY)
        .limit(bindparam("most", type_=BigInteger))
        .with_for_update(skip_locked=True)
    )
    return delete(StravaEvent).where(tuple_(*_KEY).in_(rows))


@cache
def state() -> Executable:
    """Select how many events wait (`waiting`), and since when the oldest due one does (`oldest_s`)."""
    due = StravaEvent.due_at <= func.now()
    age_s = func.extract("epoch", func.now() - func.min(StravaEvent.due_at).filter(due))
    return select(func.count().label("waiting"), cast(age_s, Float).label("oldest_s"))
