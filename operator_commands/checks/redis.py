"""Whether Redis answers, is new enough and drops nothing that is needed."""

import re
from typing import Any

import redis

from operator_commands.checks.failure import CheckFailed, first_line, require
from runtime.redis_clients import is_cluster, redis_client
from runtime.redis_cluster import RedisPart
from settings import Settings

_OLDEST_REDIS = (6, 2)


def check(settings: Settings) -> str:
    require(
        settings, "redis_url", "Set it, or use `pacegraph run`, which starts a Redis of its own"
    )
    if not is_cluster(settings):
        facts = _facts(settings, RedisPart.MAIN)
        if facts.get("redis_mode") == "cluster":
            raise CheckFailed(
                "it is a server of a Redis Cluster, which refuses most keys. Set "
                "REDIS_URL=redis+cluster://host:6379 with some of the cluster's servers"
            )
        return f"version {_checked(facts)} answers"
    versions = {_checked(_facts(settings, part)) for part in RedisPart}
    return f"a cluster of version {', '.join(sorted(versions))} answers"


def _facts(settings: Settings, part: RedisPart) -> dict[str, Any]:
    try:
        with redis_client(settings, part, timeout_s=5) as client:
            facts: dict[str, Any] = client.info()
    except (redis.RedisError, ValueError) as error:
        raise CheckFailed(
            f"{first_line(error)}. Check REDIS_URL, and that Redis runs and accepts us"
        ) from None
    return facts


def _checked(facts: dict[str, Any]) -> str:
    """Check a server by what it tells of itself; returns its version."""
    version = str(facts["redis_version"])
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < _OLDEST_REDIS:
        raise CheckFailed(
            f"version {version} is too old. "
            f"Use Redis {'.'.join(map(str, _OLDEST_REDIS))} or newer, or Valkey"
        )
    if (policy := str(facts.get("maxmemory_policy", ""))).startswith("allkeys-"):
        raise CheckFailed(
            f"maxmemory-policy is {policy}, which may drop queued jobs and feature flags. "
            "Set it to noeviction or volatile-lru"
        )
    return version
