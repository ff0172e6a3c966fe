"""How jobs reach the workers, and changes of jobs the subscribers. Messages may be lost.

The rows in PostgreSQL are authoritative. RQ carries only the job's id, and the reconciler enqueues
jobs that Redis lost. Changes go over one channel as JSON: `{"id", "athlete_id", "version"}`; a
subscriber then reads the job's row. `athlete_id` is null for jobs on all athletes. The API imports
no other module of `jobs`, so this one imports neither tasks nor Strava, and RQ only when needed.
"""

import json
import logging
from uuid import uuid4

from redis import Redis, RedisError
from redis.asyncio import Redis as AsyncRedis

QUEUE = "pacegraph"
CHANNEL = "pacegraph:jobs"
TRACEPARENT = "traceparent"
"""Name of the trace in the meta data of RQ's jobs."""
_FUNCTION = "jobs.runner.run"
_KEPT_S = 60  # how long Redis keeps a job that RQ itself failed to run

logger = logging.getLogger(__name__)


def enqueue(
    redis: Redis, job_id: int, *, at_front: bool = False, traceparent: str | None = None
) -> bool:
    """Pass a job to the workers, `at_front` before all others; call it after the commit.

    `traceparent` is the step of a trace that the job belongs to.

    Enqueuing twice is harmless, because a job is claimed once. Returns False and logs a warning if
    Redis is away; the reconciler then enqueues the job within seconds of its return.
    """
    from rq import Queue

    try:
        Queue(QUEUE, connection=redis).enqueue_call(
            _FUNCTION,
            (job_id,),
            job_id=f"{job_id}-{uuid4().hex}",
            description=f"job {job_id}",
            timeout=-1,  # no limit: the lease detects dead workers
            result_ttl=0,
            failure_ttl=_KEPT_S,
            at_front=at_front,
            meta=None if traceparent is None else {TRACEPARENT: traceparent},
        )
    except RedisError as error:
        logger.warning(
            "could not enqueue a job", extra={"job_id": job_id, "error": type(error).__name__}
        )
        return False
    return True


def queued_ids(redis: Redis) -> set[int]:
    """Ids of the jobs in the queue. Raises RedisError."""
    from rq import Queue

    return {int(rq_id.partition("-")[0]) for rq_id in Queue(QUEUE, connection=redis).get_job_ids()}


def forget_queued(redis: Redis) -> None:
    """Empty the queue. Raises RedisError."""
    from rq import Queue

    Queue(QUEUE, connection=redis).empty()  # type: ignore[no-untyped-call]


def message(job_id: int, athlete_id: int | None, version: int) -> str:
    """Format a change of a job for CHANNEL."""
    return json.dumps({"id": job_id, "athlete_id": athlete_id, "version": version})


def publish(redis: Redis, job_id: int, athlete_id: int | None, version: int) -> bool:
    """Tell subscribers that a job's row is at `version`; call it after the commit.

    Returns False if Redis is away.
    """
    try:
        redis.publish(CHANNEL, message(job_id, athlete_id, version))
    except RedisError as error:
        _log_unpublished(job_id, error)
        return False
    return True


async def publish_async(
    redis: AsyncRedis, job_id: int, athlete_id: int | None, version: int
) -> bool:
    """Do as `publish` does."""
    try:
        await redis.publish(CHANNEL, message(job_id, athlete_id, version))
    except RedisError as error:
        _log_unpublished(job_id, error)
        return False
    return True


def _log_unpublished(job_id: int, error: RedisError) -> None:
    logger.warning(
        "could not publish a change of a job",
        extra={"job_id": job_id, "error": type(error).__name__},
    )
