"""Cached answers in Redis, of which none may outlive an erasure.

They are not served any more once the data has another version. But they would stay for minutes.
"""

import logging

from redis import RedisError

from runtime.redis_clients import CACHED_ANSWERS, redis_client
from runtime.redis_cluster import RedisPart, tagged
from settings import Settings

_AT_ONCE = 500
_TIMEOUT_S = 1.0

logger = logging.getLogger(__name__)


def forget_cached_answers(settings: Settings) -> None:
    """Delete all cached answers.

    Without Redis, the reconciler tries again (`jobs/reconcile.py`).
    """
    try:
        with redis_client(settings, RedisPart.ANSWERS, timeout_s=_TIMEOUT_S) as redis:
            keys = []
            ours = tagged(redis, CACHED_ANSWERS) + "*"
            for key in redis.scan_iter(match=ours, count=_AT_ONCE):
                keys.append(key)
                if len(keys) == _AT_ONCE:
                    redis.unlink(*keys)
                    keys.clear()
            if keys:
                redis.unlink(*keys)
    except RedisError as error:
        logger.warning("cached answers could not be deleted", extra={"error": str(error)})
