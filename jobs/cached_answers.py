"""Cached answers in Redis, of which none may outlive an erasure.

They are not served any more once the data has another version. But they would stay for minutes.
"""

import logging

from redis import Redis, RedisError

from runtime.redis_clients import CACHED_ANSWERS

_AT_ONCE = 500

logger = logging.getLogger(__name__)


def forget_cached_answers(redis: Redis) -> None:
    """Delete all cached answers. Without Redis, the reconciler tries again (`jobs/reconcile.py`)."""
    try:
        keys = []
        for key in redis.scan_iter(match=f"{CACHED_ANSWERS}*", count=_AT_ONCE):
            keys.append(key)
            if len(keys) == _AT_ONCE:
                redis.unlink(*keys)
                keys.clear()
        if keys:
            redis.unlink(*keys)
    except RedisError as error:
        logger.warning("cached answers could not be deleted", extra={"error": str(error)})
