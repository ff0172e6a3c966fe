"""What goes with an athlete's connection to Strava, and the receipt that stays."""

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Executable,
    Text,
    bindparam,
    case,
    delete,
    func,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB, insert

from db.models import (
    NEED_CONNECTION,
    Activity,
    ActivitySource,
    ActivityStreams,
    Base,
    BestEffort,
    Erasure,
    Job,
    JobProblem,
    PersonalBest,
)

_ATHLETE_ID = bindparam("athlete", type_=BigInteger)
_JOB_ID = bindparam("job_id", type_=BigInteger)
_STRAVAS = select(Activity.id).where(
    Activity.athlete_id == _ATHLETE_ID, Activity.source == ActivitySource.STRAVA
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
        "streams": counted(ActivityStreams.activity_id.in_(_STRAVAS), ActivityStreams),
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
        update(Job).where(*others, idle).values(checkpoint=nothing, arguments=nothing),
    )
