"""A flag's rollout: a kill switch, lists of callers, and a percentage of the others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from math import isfinite
from typing import Any

import orjson

from flags.switches import Flag
from flags.targeting import read_key

_ALL = 100
_BYTES = 6
"""Bits taken of a hash: as many as a float holds exactly."""
_PLACES = 1 << 8 * _BYTES


class InvalidRollout(ValueError):
    """A text, or a value in Redis, is no rollout; the message says why."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """Which callers a flag is on for.

    `is_killed` turns it off for all callers and beats everything else. `off_for` beats `on_for`,
    and both beat `percent`. The lists hold targeting keys. `by`, `at` (ISO 8601, UTC) and `reason`
    describe the change; they decide nothing.
    """

    percent: float = _ALL
    is_killed: bool = False
    on_for: frozenset[str] = frozenset()
    off_for: frozenset[str] = frozenset()
    by: str = field(default="", compare=False)
    at: str = field(default="", compare=False)
    reason: str = field(default="", compare=False)

    def is_on(self, flag: Flag, key: str | None) -> bool:
        """Tell whether the flag is on for the caller `key`; None means no particular caller."""
        if self.is_killed or key in self.off_for:
            return False
        if key in self.on_for or self.percent >= _ALL:
            return True
        return key is not None and place_of(flag, key) < self.percent

    @property
    def is_for_all(self) -> bool:
        """Whether the flag is the same for all callers."""
        if self.is_killed:
            return True
        if self.percent >= _ALL:
            return not self.off_for
        return self.percent <= 0 and not self.on_for

    @property
    def state(self) -> str:
        """`on`, `off`, or a percentage as `25%`."""
        if self.is_killed:
            return "off"
        return "on" if self.percent >= _ALL else f"{self.percent:g}%"

    @property
    def text(self) -> str:
        """The whole rollout on one line."""
        named = [
            f"{word} {', '.join(sorted(keys))}"
            for word, keys in (("on for", self.on_for), ("off for", self.off_for))
            if keys
        ]
        return "; ".join([self.state, *named])


ON = Rollout()
OFF = Rollout(is_killed=True)


def place_of(flag: Flag, key: str) -> float:
    """Map a caller to a number from 0 to 100, the same each time but different for each flag.

    So a caller that is on at some percentage is on at any higher one.
    """
    digest = blake2b(f"{flag}\0{key}".encode(), digest_size=_BYTES).digest()
    return int.from_bytes(digest) * _ALL / _PLACES


def read_state(text: str) -> Rollout:
    """Read `on`, `off` or a percentage as `25%`. Raises InvalidRollout."""
    word = text.strip().lower()
    if word in {"on", "off"}:
        return ON if word == "on" else OFF
    try:
        if not word.endswith("%"):
            raise ValueError
        return Rollout(_percent(float(word[:-1])))
    except ValueError:
        raise InvalidRollout(
            f"{text!r} is not a value; write on, off, or a percentage from 0% to 100%"
        ) from None


def write_json(rollout: Rollout) -> bytes:
    """Encode a rollout for Redis."""
    return orjson.dumps({
        "state": rollout.state if rollout.is_killed or rollout.percent >= _ALL else rollout.percent,
        "on_for": sorted(rollout.on_for), "off_for": sorted(rollout.off_for),
        "by": rollout.by, "at": rollout.at, "reason": rollout.reason,
    })  # fmt: skip


def read_json(text: bytes) -> Rollout:
    """Decode a flag's value in Redis. Raises InvalidRollout."""
    try:
        given = orjson.loads(text)
        if not isinstance(given, Mapping):
            raise TypeError("not an object")
        percent, is_killed = _read_state(given["state"])
        return Rollout(
            percent,
            is_killed,
            _keys(given.get("on_for", ())),
            _keys(given.get("off_for", ())),
            *(str(given.get(name, "")) for name in ("by", "at", "reason")),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise InvalidRollout(f"{type(error).__name__}: {error}") from None


def _read_state(value: Any) -> tuple[float, bool]:
    if value in ("on", "off"):
        return _ALL, value == "off"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"state {value!r}")
    return _percent(value), False


def _percent(value: float) -> float:
    if not isfinite(value) or not 0 <= value <= _ALL:
        raise ValueError(f"{value} is no percentage")
    return value


def _keys(given: Any) -> frozenset[str]:
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise TypeError("a list of keys is no list")
    return frozenset(read_key(str(each)) for each in given)
