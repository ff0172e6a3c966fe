"""How jobs get to the workers, and news of them to the watchers. All of it may be lost: the truth is in PostgreSQL.

RQ carries only the job's id; the reconciler enqueues what Redis lost. News goes over one channel, to whoever listens:
`{"id", "athlete_id", "version"}` as JSON, on which a watcher reads the job's row. `athlete_id` is null for work on all
athletes. This is the only part of `jobs` that the API imports, so it imports neither tasks nor Strava, and RQ late.
"""

import json
import logging
from uuid import uuid4

from redis import Redis, RedisError
from redis.asyncio import Redis as AsyncRedis
from redis.backoff import NoBackoff
from redis.retry import Retry

from settings import Settings

__all__ = ["CHANNEL", "QUEUE", "connect", "connect_async", "enqueue", "message", "publish", "publish_async", "waiting"]

QUEUE = "pacegraph"
CHANNEL = "pacegraph:jobs"
_FUNCTION = "jobs.runner.run"
_TIMEOUT_S = 2
_KEPT_S = 60  # how long Redis remembers a job that broke RQ itself

_log = logging.getLogger(__name__)


def connect(settings: Settings) -> Redis:
    """Make a client that gives up soon: whoever enqueues can do without Redis. Nothing connects yet."""
    return Redis.from_url(_url(settings), **_patience())


def connect_async(settings: Settings) -> AsyncRedis:
    """Make the asynchronous twin of `connect`."""
    return AsyncRedis.from_url(_url(settings), socket_connect_timeout=_TIMEOUT_S)


def enqueue(redis: Redis, job_id: int) -> bool:
    """Hand a job to the workers; call it after the commit. Enqueuing twice does no harm: it is claimed once.

    False, and a line in the log, when Redis is away: the reconciler enqueues the job within seconds of its return.
    """
    from rq import Queue

    try:
        Queue(QUEUE, connection=redis).enqueue_call(
            _FUNCTION,
            (job_id,),
            job_id=f"{job_id}-{uuid4().hex}",
            description=f"job {job_id}",
            timeout=-1,  # a sync takes what it takes; the lease tells the dead from the slow
            result_ttl=0,
            failure_ttl=_KEPT_S,
        )
    except RedisError as error:
        _log.warning("could not enqueue a job", extra={"job_id": job_id, "error": type(error).__name__})
        return False
    return True


def waiting(redis: Redis) -> set[int]:
    """Ids of the jobs in the queue. Raises RedisError."""
    from rq import Queue

    return {int(rq_id.partition("-")[0]) for rq_id in Queue(QUEUE, connection=redis).get_job_ids()}


def message(job_id: int, athlete_id: int | None, version: int) -> str:
    """Write one piece of news as it goes over CHANNEL."""
    return json.dumps({"id": job_id, "athlete_id": athlete_id, "version": version})


def publish(redis: Redis, job_id: int, athlete_id: int | None, version: int) -> bool:
    """Tell the watchers that a job's row is at `version`; call it after the commit. False when Redis is away."""
    try:
        redis.publish(CHANNEL, message(job_id, athlete_id, version))
    except RedisError as error:
        _not_told(job_id, error)
        return False
    return True


async def publish_async(redis: AsyncRedis, job_id: int, athlete_id: int | None, version: int) -> bool:
    """Do as `publish` does."""
    try:
        await redis.publish(CHANNEL, message(job_id, athlete_id, version))
    except RedisError as error:
        _not_told(job_id, error)
        return False
    return True


def _not_told(job_id: int, error: RedisError) -> None:
    _log.warning("could not tell the watchers of a job", extra={"job_id": job_id, "error": type(error).__name__})


def _url(settings: Settings) -> str:
    settings.require("redis_url")
    assert settings.redis_url is not None
    return settings.redis_url.get_secret_value()


def _patience() -> dict[str, object]:
    return {
        "socket_connect_timeout": _TIMEOUT_S,
        "socket_timeout": _TIMEOUT_S,
        "retry": Retry(NoBackoff(), 1),  # redis-py's own would sleep for seconds
    }
