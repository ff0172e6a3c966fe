"""Keeps the feature flags of an embedded Redis, which stores nothing, in a file of the home.

`pacegraph flags` writes the file after each change, and every start of the Redis begins with it. So
a kill switch holds after a restart and after any crash.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import Any, cast

from redis import RedisError

from flags.store import HASH, LOG, RESTORE, restore_arguments
from local.embedded_service import ServiceFailed
from runtime.redis_clients import redis_client
from settings import load_settings

_FILE = "flags.json"
_PRIVATE = 0o600
_TIMEOUT_S = 5


def keep_flags(home: Path, redis_url: str) -> None:
    """Write all flags and the log of their changes to the file. Raises OSError and RedisError."""
    file = home / _FILE
    lock = os.open(home / f"{_FILE}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _PRIVATE)
    try:
        # two commands at once: the one that reads later also writes later
        fcntl.flock(lock, fcntl.LOCK_EX)
        unfinished = home / f"{_FILE}.new"
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(unfinished, flags, _PRIVATE), "w") as written:
            json.dump(_read(redis_url), written, indent=1)
            written.flush()
            os.fsync(written.fileno())
        unfinished.rename(file)
    finally:
        os.close(lock)


def restore_flags(home: Path, redis_url: str) -> None:
    """Write the kept flags to a Redis that has none or older ones.

    Raises ServiceFailed if the file is damaged: a kill switch must not be lost in silence.
    """
    file = home / _FILE
    try:
        kept = json.loads(file.read_text())
        flags = {_bytes(name): _bytes(value) for name, value in kept["flags"].items()}
        entries = [(entry, dict(fields)) for entry, fields in kept["log"]]
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError, AttributeError):
        raise ServiceFailed(
            f"{file}: the feature flags cannot be read. Put the file back from a backup, or remove "
            "it to begin with the settings' flags"
        ) from None
    try:
        with redis_client(load_settings(redis_url=redis_url), timeout_s=_TIMEOUT_S) as redis:
            if flags:
                redis.eval(RESTORE, 1, HASH, *cast("list[str]", restore_arguments(flags)))
            if not redis.exists(LOG):
                for entry, fields in entries:
                    redis.xadd(LOG, fields, id=entry)
    except RedisError as error:
        raise ServiceFailed(f"the feature flags cannot be restored to Redis: {error}") from None


def _read(redis_url: str) -> dict[str, Any]:
    with redis_client(load_settings(redis_url=redis_url), timeout_s=_TIMEOUT_S) as redis:
        flags = cast("dict[bytes, bytes]", redis.hgetall(HASH))
        entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", redis.xrange(LOG))
    return {
        "flags": {_text(name): _text(value) for name, value in flags.items()},
        "log": [
            [_text(entry), {_text(name): _text(value) for name, value in fields.items()}]
            for entry, fields in entries
        ],
    }


def _text(value: bytes) -> str:
    return value.decode(errors="surrogateescape")


def _bytes(value: str) -> bytes:
    return value.encode(errors="surrogateescape")
