"""What jobs could not do for single activities."""

from functools import cache

from sqlalchemy import ARRAY, BigInteger, Executable, Text, any_, bindparam, delete, func, select
from sqlalchemy.dialects.postgresql import insert

from db.models import JobProblem

_JOB_ID = bindparam("job_id", type_=BigInteger)
_STRAVA_ID = bindparam("problem_of", type_=BigInteger)


def write() -> Executable:
    """Write why `job_id` left out the activity `problem_of` of `athlete`; replaces the last reason.

    Parameters also: `reason_code`, `reason`.
    """
    insertion = insert(JobProblem).values(
        job_id=_JOB_ID,
        athlete_id=bindparam("athlete", type_=BigInteger),
        strava_id=_STRAVA_ID,
        code=bindparam("reason_code", type_=Text),
        message=bindparam("reason", type_=Text),
    )
    return insertion.on_conflict_do_update(
        index_elements=[JobProblem.job_id, JobProblem.strava_id],
        set_={"code": insertion.excluded.code, "message": insertion.excluded.message},
    )


@cache
def clear() -> Executable:
    """Delete what was written of the activities `strava_ids` by `job_id`: they were done after all."""
    strava_ids = bindparam("strava_ids", type_=ARRAY(BigInteger))
    return delete(JobProblem).where(
        JobProblem.job_id == _JOB_ID, JobProblem.strava_id == any_(strava_ids)
    )


def count() -> Executable:
    """Count the problems of `job_id`."""
    return select(func.count()).select_from(JobProblem).where(JobProblem.job_id == _JOB_ID)
