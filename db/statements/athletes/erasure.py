"""What goes with an athlete's connection to Strava, and the receipt that stays."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    DateTime,
    Executable,
    Float,
    Text,
    and_,
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
from sqlalchemy.dialects.postgresql import JSONB, insert

from db.models import (
    ACTIVE,
    NAMELESS,
    NEED_CONNECTION,
    Activity,
    ActivitySource,
    ActivityStreams,
    Athlete,
    Base,
    BestEffort,
    Erasure,
    HeartRateZone,
    Job,
    JobKind,
    JobProblem,
    JobStatus,
    PersonalBest,
    SyncProblem,
)
from db.statements.interval import ago, seconds
from db.statements.jobs.job import SUMMARY, change
from db.statements.strava import strava_connection

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_JOB_ID = bindparam("job_id", type_=BigInteger)
_STRAVAS = select(Activity.id).where(
    Activity.athlete_id == _ATHLETE_ID, Activity.source == ActivitySource.STRAVA
)


def put_off_syncs() -> Executable:
    """Let syncs of who connected again wait until the data is gone, then begin again; returns summaries.

    They are those of `athlete` asked for since `asked_moment`. A running attempt loses its job.
    They go on after `pause_s` seconds, should nobody let them go on before.
    """
    is_newer = strava_connection.is_newer().scalar_subquery()
    return _put_off(Job.kind == JobKind.STRAVA_SYNC, is_newer)


def put_off_exports() -> Executable:
    """Do so with archives of `athlete`, which then have what is left; parameters as `put_off_syncs`."""
    return _put_off(Job.kind == JobKind.EXPORT)


def _put_off(*conditions: ColumnElement[bool]) -> Executable:
    return (
        change(*_asked_since(), *conditions)
        .values(
            status=JobStatus.WAITING,
            waiting_since=func.now(),
            waiting_until=func.now() + seconds(bindparam("pause_s", type_=Float)),
            quota_until=null(),
            lease_until=null(),
            checkpoint=literal({}, JSONB),
            progress_done=0,
            progress_total=null(),
            progress_message="What was stored before is being deleted.",
        )
        .returning(*SUMMARY)
    )


def imports_since() -> Executable:
    """Select the ids of the imports of `athlete` asked for since `asked_moment`, which go on.

    Files are the athlete's own: who has Strava's data deleted may import them right after.
    """
    return select(Job.id).where(*_asked_since(), Job.kind == JobKind.IMPORT)


def _asked_since() -> tuple[ColumnElement[bool], ...]:
    """Conditions that a job of `athlete` is active, and asked for since `asked_moment`."""
    return (
        Job.athlete_id == _ATHLETE_ID,
        Job.status.in_(ACTIVE),
        Job.live_since > bindparam("asked_moment", type_=DateTime(timezone=True)),
        ~Job.cancel_requested,
    )


def write_receipt() -> Executable:
    """Write the receipt of `job_id`, before the rows are deleted.

    Parameters: `athlete`, `receipt_cause`, `kept`, `revoked`.
    """
    kept = bindparam("kept", type_=Boolean)

    def counted(rows: ColumnElement[bool], model: type[Base]) -> ColumnElement[int]:
        count = select(func.count()).select_from(model).where(rows).scalar_subquery()
        return case((kept, 0), else_=count)

    columns = {
        "cause": bindparam("receipt_cause", type_=Text),
        "is_data_kept": kept,
        "is_revoked": bindparam("revoked", type_=Boolean),
        "activities": counted(Activity.id.in_(_STRAVAS), Activity),
        "streams": counted(
            and_(
                ActivityStreams.athlete_id == _ATHLETE_ID, ActivityStreams.activity_id.in_(_STRAVAS)
            ),
            ActivityStreams,
        ),
        "best_efforts": counted(BestEffort.activity_id.in_(_STRAVAS), BestEffort),
        "personal_bests": counted(PersonalBest.activity_id.in_(_STRAVAS), PersonalBest),
        "requested_at": Job.created_at,
    }
    values: list[Any] = list(columns.values())
    return insert(Erasure).from_select(list(columns), select(*values).where(Job.id == _JOB_ID))


def forget_in_jobs() -> tuple[Executable, ...]:
    """Make the statements that take what jobs of `athlete`, except `job_id`, kept of Strava's data.

    Jobs stay, without ids and times of activities.
    """
    others: tuple[ColumnElement[bool], ...] = (Job.athlete_id == _ATHLETE_ID, Job.id != _JOB_ID)
    nothing = literal({}, JSONB)
    # A sync that still runs was cancelled before, and writes nothing any more.
    idle = or_(Job.finished_at.is_not(None), Job.kind.in_(NEED_CONNECTION))
    return (
        delete(JobProblem).where(JobProblem.athlete_id == _ATHLETE_ID),
        delete(SyncProblem).where(SyncProblem.athlete_id == _ATHLETE_ID),
        update(Job)
        .where(*others, idle)
        .values(checkpoint=nothing, arguments=nothing, progress_message=null()),
    )


def forget_profile() -> tuple[Executable, ...]:
    """Make the statements that take what Strava told of `athlete`, after its activities are gone.

    What the athlete told here, and only activities need, goes with the last of these.
    """
    is_needed = exists().where(Activity.athlete_id == _ATHLETE_ID)
    return (
        update(Athlete)
        .where(Athlete.id == _ATHLETE_ID)
        .values(
            first_name=NAMELESS,
            last_name="",
            city=null(),
            country=null(),
            sex=case((is_needed, Athlete.sex)),
            birth_date=case((is_needed, Athlete.birth_date)),
            resting_heart_rate_bpm=case((is_needed, Athlete.resting_heart_rate_bpm)),
            max_heart_rate_bpm=case((is_needed, Athlete.max_heart_rate_bpm)),
            updated_at=func.now(),
        ),
        delete(HeartRateZone).where(
            HeartRateZone.athlete_id == _ATHLETE_ID, or_(HeartRateZone.from_strava, ~is_needed)
        ),
    )


def older_service() -> Executable:
    """Select whether the database of an older service was adopted, which keeps its own rows."""
    return select(func.to_regprocedure("legacy.erase_athlete(bigint)").is_not(None))


def erase_in_older_service() -> Executable:
    """Delete the rows of `athlete` in the older service's tables (`legacy/adoption/erasure.py`).

    Returns how many tables did not let them go.
    """
    return select(func.legacy.erase_athlete(_ATHLETE_ID))


def happened_lately() -> Executable:
    """Select whether a connection ended with its data within the last `lately_s` seconds."""
    recent = Erasure.ended_at > ago(bindparam("lately_s", type_=Float))
    return select(exists().where(recent, ~Erasure.is_data_kept))
