"""How jobs reach the workers, and changes of jobs the subscribers. Messages may be lost.

The rows in PostgreSQL are authoritative. RQ carries only the job's id, and the reconciler enqueues
jobs that Redis lost. Changes go over one channel as JSON: `{"id", "athlete_id", "version"}`; a
subscriber then reads the job's row. `athlete_id` is null for jobs on all athletes. The API imports
no other module of `jobs`, so this one imports neither tasks nor Strava, and RQ only when needed.

In a cluster RQ's keys have one hash tag. RQ reads it from the environment when it is imported.
"""

import json
import logging
from typing import TYPE_CHECKING
from uuid import uuid4

from redis import Redis, RedisError
from redis.asyncio import Redis as AsyncRedis

from runtime.redis_cluster import tagged
from settings import tell_libraries

if TYPE_CHECKING:
    from rq import Queue

QUEUE = "pacegraph"
CHANNEL = "pacegraph:jobs"
TRACEPARENT = "traceparent"
"""Name of the trace in the meta data of RQ's jobs."""
_FUNCTION = "jobs.runner.run"
_KEPT_S = 60  # how long Redis keeps a job that RQ itself failed to run
_RQ = "rq"
"""How RQ's keys begin."""

logger = logging.getLogger(__name__)


class QueueElsewhere(RedisError):
    """RQ was imported before it could be told where its keys are in the cluster."""

    def __init__(self, prefix: str) -> None:
        super().__init__(f"set RQ_KEY_PREFIX={prefix} for this process, which imports RQ itself")


def place_queue(redis: Redis) -> None:
    """Have RQ name its keys as `redis` needs. Raises QueueElsewhere if it has begun otherwise."""
    prefix = tagged(redis, _RQ)
    if prefix == _RQ:
        return
    tell_libraries(RQ_KEY_PREFIX=prefix)
    from rq.defaults import RQ_KEY_PREFIX

    if prefix != RQ_KEY_PREFIX:
        raise QueueElsewhere(prefix)


def _queue(redis: Redis) -> "Queue":
    place_queue(redis)
    from rq import Queue

    return Queue(QUEUE, connection=redis)


def enqueue(
    redis: Redis, job_id: int, *, at_front: bool = False, traceparent: str | None = None
) -> bool:
    """Pass a job to the workers, `at_front` before all others; call it after the commit.

    `traceparent` is the step of a trace that the job belongs to.

    Enqueuing twice is harmless, because a job is claimed once. Returns False and logs a warning if
    Redis is away; the reconciler then enqueues the job within seconds of its return.
    """
    try:
        _queue(redis).enqueue_call(
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
        told = str(error) if isinstance(error, QueueElsewhere) else type(error).__name__
        logger.warning("could not enqueue a job", extra={"job_id": job_id, "error": told})
        return False
    return True


def queued_ids(redis: Redis) -> set[int]:
    """Ids of the jobs in the queue. Raises RedisError."""
    return {int(rq_id.partition("-")[0]) for rq_id in _queue(redis).get_job_ids()}


def forget_queued(redis: Redis) -> None:
    """Empty the queue. Raises RedisError."""
    _queue(redis).empty()  # type: ignore[no-untyped-call]


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
