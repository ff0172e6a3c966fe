"""Whether Redis answers, is new enough and drops nothing that is needed."""

import re

import redis

from operator_commands.checks.failure import CheckFailed, first_line, require
from runtime.redis_clients import redis_client
from settings import Settings

_OLDEST_REDIS = (6, 2)


def check(settings: Settings) -> str:
    require(
        settings, "redis_url", "Set it, or use `pacegraph run`, which starts a Redis of its own"
    )
    try:
        with redis_client(settings, timeout_s=5) as client:
            facts = client.info()
    except (redis.RedisError, ValueError) as error:
        raise CheckFailed(
            f"{first_line(error)}. Check REDIS_URL, and that Redis runs and accepts us"
        ) from None
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
    return f"version {version} answers"
