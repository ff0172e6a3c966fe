"""Entries of the cache, and requests for them."""

import time
from dataclasses import dataclass
from typing import NamedTuple

from graph.cache.key import CacheKey, SharedSubject, Subject
from graph.cost.object_count import count_objects_in_json

_SEPARATOR = b"|"


class Answer(NamedTuple):
    """The JSON of a root field, and the points of streams in it, without one for each object.

    `counted` are its objects, None where they are to be counted.
    """

    body: bytes
    points: int = 0
    counted: int | None = None

    @property
    def objects(self) -> int:
        """What the answer cost: its objects and points."""
        counted = self.counted
        return (count_objects_in_json(self.body) if counted is None else counted) + self.points


@dataclass(slots=True)
class CacheRequest:
    """A request for the answer of one root field, made from `subject`'s data in this `version`.

    The answer may be at most `lifetime_s` old.
    """

    key: CacheKey
    subject: Subject
    version: int
    lifetime_s: float

    @property
    def is_stored(self) -> bool:
        """Whether the answer depends on stored data. Others are cheap, and not shared in Redis."""
        return self.subject is not SharedSubject.NO_ATHLETE


@dataclass(eq=False, slots=True)
class CacheEntry:
    """An answer: its JSON, the number of objects and points in it, and the version of the data it is from.

    `made_at` is in epoch seconds.
    """

    version: int
    body: bytes
    objects: int
    made_at: float
    lifetime_s: float
    is_refreshing: bool = False

    @classmethod
    def from_answer(cls, request: CacheRequest | None, answer: Answer) -> "CacheEntry":
        """Make an entry of an answer that was just computed. None: it is not to be cached."""
        version, lifetime_s = (request.version, request.lifetime_s) if request else (0, 0.0)
        return cls(version, answer.body, answer.objects, time.time(), lifetime_s)

    @classmethod
    def from_bytes(cls, value: bytes, request: CacheRequest) -> "CacheEntry | None":
        """Read an entry that `to_bytes` wrote. None where it is something else."""
        try:
            version, made_at, objects, body = value.split(_SEPARATOR, 3)
            entry = cls(
                int(version),
                body,
                int(objects),
                float(made_at),
                request.lifetime_s,
            )
        except ValueError:
            return None
        return entry if body else None

    def to_bytes(self) -> bytes:
        """Write the version, when the entry was made, its objects and the JSON."""
        return b"%d|%f|%d|" % (self.version, self.made_at, self.objects) + self.body

    @property
    def age_s(self) -> float:
        return max(0.0, time.time() - self.made_at)
