"""The flags in Redis: one hash for all processes, and a bounded log of changes.

A change is one transaction. It writes the flag's JSON to the hash, adds an entry to the log, and
notifies all processes.
"""

import logging
import os
import pwd
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from time import time_ns
from typing import Any, cast

from redis import Redis
from redis.client import Pipeline

from flags.definition import DEFINITIONS
from flags.flags import VERSION, version_of
from flags.rollout import InvalidRollout, Rollout, read_json, write_json
from flags.switches import Flag
from runtime.redis_cluster import tagged
from settings import Settings

HASH = "pacegraph:flags"
CHANNEL = "pacegraph:flags:changed"
LOG = "pacegraph:flags:log"
RESTORE = """
local version = tonumber(redis.call('HGET', KEYS[1], 'version') or '')
if version == nil or version < tonumber(ARGV[1]) then
    redis.call('DEL', KEYS[1])
    redis.call('HSET', KEYS[1], unpack(ARGV, 2))
end
"""
"""Restores what Redis lost, unless another process did, or a change came in between."""
_LOG_ENTRIES = 1000

logger = logging.getLogger("pacegraph.flags")


@dataclass(frozen=True, slots=True)
class Change:
    """An entry of the log. `at` is ISO 8601, UTC; `old` and `new` are rollouts' texts."""

    at: str
    by: str
    flag: str
    old: str
    new: str
    reason: str


class FlagStore:
    """Reads and changes the flags. Its methods raise RedisError where Redis is away."""

    def __init__(self, settings: Settings, redis: Redis) -> None:
        self._settings, self._redis = settings, redis
        self._hash, self._log = tagged(redis, HASH), tagged(redis, LOG)

    def read(self) -> Mapping[bytes, bytes]:
        """Get the hash, as `Flags.heed` takes it."""
        return cast("Mapping[bytes, bytes]", self._redis.hgetall(self._hash))

    def restore(self, held: Mapping[bytes, bytes]) -> None:
        """Put back a hash that Redis lost, from the fields that a process still holds."""
        self._redis.eval(RESTORE, 1, self._hash, *restore_arguments(held))

    def set(
        self, flag: Flag, wanted: Rollout, *, keep_on: bool = False, keep_off: bool = False
    ) -> Change:
        """Change a flag; with `keep_on` or `keep_off` that list of callers stays as it is."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        signed = replace(wanted, by=_who(), at=at)

        def change(before: Rollout | None) -> Rollout:
            on_for = before.on_for if before and keep_on else signed.on_for
            off_for = before.off_for if before and keep_off else signed.off_for
            return replace(signed, on_for=on_for, off_for=off_for)

        return self._change(flag, signed, change)

    def reset(self, flag: Flag, reason: str = "") -> Change:
        """Remove a flag's override, so that the settings decide."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        return self._change(flag, Rollout(by=_who(), at=at, reason=reason), lambda _: None)

    def log(self) -> Iterator[Change]:
        """Read the log, the newest entry first."""
        entries = cast("list[tuple[bytes, dict[bytes, bytes]]]", self._redis.xrevrange(self._log))
        for _, fields in entries:
            named = {
                name.decode(): value.decode(errors="replace") for name, value in fields.items()
            }
            yield Change(**{name: named.get(name, "") for name in Change.__slots__})

    def _change(
        self, flag: Flag, signed: Rollout, replacement: Callable[[Rollout | None], Rollout | None]
    ) -> Change:
        """Replace a flag's rollout by that of `replacement`; `signed` tells when, by whom and why."""

        def write(pipeline: Pipeline) -> Change:
            before = _read(cast("bytes | None", pipeline.hget(self._hash, flag.value)))
            after = replacement(before)
            # The time, so that a change counts even where Redis lost those before it.
            version = max(version_of(self.read()) + 1, time_ns() // 1_000_000)
            texts = (self._text(flag, before), self._text(flag, after))
            made = Change(signed.at, signed.by, flag.value, *texts, signed.reason)
            pipeline.multi()
            if after is None:
                pipeline.hdel(self._hash, flag.value)
            else:
                pipeline.hset(self._hash, flag.value, cast("str", write_json(after)))
            pipeline.hset(self._hash, VERSION.decode(), str(version))
            entry = {name: getattr(made, name) for name in Change.__slots__}
            pipeline.xadd(
                self._log, cast("dict[Any, Any]", entry), maxlen=_LOG_ENTRIES, approximate=False
            )
            pipeline.publish(CHANNEL, flag.value)
            return made

        made = cast(
            "Change",
            self._redis.transaction(cast("Any", write), self._hash, value_from_callable=True),
        )
        fields = {
            name: getattr(made, name) or None for name in ("flag", "old", "new", "by", "reason")
        }
        logger.info("a flag was set", extra=fields)
        return made

    def _text(self, flag: Flag, rollout: Rollout | None) -> str:
        if rollout is not None:
            return rollout.text
        return f"{DEFINITIONS[flag].default(self._settings).text} (settings)"


def restore_arguments(held: Mapping[bytes, bytes]) -> list[bytes]:
    """Encode a hash's fields as arguments of RESTORE."""
    return [b"%d" % version_of(held), *(each for pair in held.items() for each in pair)]


def _read(value: bytes | None) -> Rollout | None:
    """Read the rollout to be replaced; None where there is none, or an invalid one."""
    try:
        return read_json(value) if value is not None else None
    except InvalidRollout:
        return None


def _who() -> str:
    """Get the name of the operating system's user that runs this process."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user may have no name
        return f"uid {os.getuid()}"
