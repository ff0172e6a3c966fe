"""The form of keys of cached answers, and how long answers of each kind of data live.

`graph/cache/cached_field.py` makes the key of a field.
"""

from collections.abc import Mapping
from enum import Enum
from hashlib import blake2b
from typing import NamedTuple


class DataKind(Enum):
    """Kinds of data, each with a lifetime in the cache of its own."""

    ATHLETES = "athletes"
    AGE_GRADES = "age grades"
    ACTIVITIES = "activities"
    PERSONAL_BESTS = "personal bests"


DATA_KINDS: Mapping[str, DataKind] = {
    "Athlete": DataKind.ATHLETES,
    "HeartRateZone": DataKind.ATHLETES,
    "AgeGrade": DataKind.AGE_GRADES,
    "Activity": DataKind.ACTIVITIES,
    "Gear": DataKind.ACTIVITIES,
    "HeartRateZoneTime": DataKind.ACTIVITIES,
    "Lap": DataKind.ACTIVITIES,
    "Route": DataKind.ACTIVITIES,
    "RouteBounds": DataKind.ACTIVITIES,
    "Split": DataKind.ACTIVITIES,
    "Pacing": DataKind.ACTIVITIES,
    "ActivityStreams": DataKind.ACTIVITIES,
    "TrainingLoadDay": DataKind.ACTIVITIES,
    "TrainingSummary": DataKind.ACTIVITIES,
    "BestEffort": DataKind.PERSONAL_BESTS,
    "PersonalBest": DataKind.PERSONAL_BESTS,
    "CriticalSpeed": DataKind.PERSONAL_BESTS,
    "RacePrediction": DataKind.PERSONAL_BESTS,
    "Viewer": DataKind.ATHLETES,
}
"""Kind by type. Connections and edges are of their nodes' kind. Types that are not listed are not
cached.
"""


class SharedSubject(Enum):
    """Subjects of answers that are not about one athlete."""

    ALL_ATHLETES = "all athletes"
    """The answer depends on the data of all athletes."""
    NO_ATHLETE = "no athlete"
    """The answer depends on its arguments alone."""

    __hash__ = object.__hash__  # that of enums is a Python function, called for every request


Subject = int | SharedSubject
"""The subject of an answer: the athlete with this id, or a shared one."""


class CacheKey(NamedTuple):
    """The key of an answer.

    `digest` is that of the selected fields, `variables` are those it was asked with, and `scope`
    names the callers it is shared by.
    """

    digest: bytes
    variables: bytes
    scope: str

    def text(self) -> str:
        """Write the key as one short text."""
        made = blake2b(self.digest, digest_size=20)
        made.update(self.variables)
        return f"{made.hexdigest()}:{self.scope}"
