"""What an effort was measured from."""

from enum import StrEnum


class EffortProvenance(StrEnum):
    STREAM = "STREAM"
    STRAVA = "STRAVA"
    WHOLE_ACTIVITY = "WHOLE_ACTIVITY"
