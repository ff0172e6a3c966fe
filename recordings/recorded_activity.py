"""What a file says of an activity, in any format."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, cast

import numpy as np

Column = Sequence[float]
"""One value a sample; NaN where the recording has none."""


@dataclass(frozen=True, slots=True)
class SampleColumns:
    """Columns of equal length; None for what the file never records.

    `time_s` counts from the activity's start and never decreases. `cadence_rpm` counts one leg's
    steps or one crank's turns, as devices write it. Latitude and longitude are degrees of WGS 84.
    """

    time_s: Column
    distance_m: Column | None = None
    heart_rate_bpm: Column | None = None
    cadence_rpm: Column | None = None
    altitude_m: Column | None = None
    latitude: Column | None = None
    longitude: Column | None = None
    power_w: Column | None = None
    temperature_c: Column | None = None
    speed_m_per_s: Column | None = None

    def __len__(self) -> int:
        return len(self.time_s)

    def named(self) -> dict[str, Column]:
        """The columns that are there, by name, time first."""
        named = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: column for name, column in named.items() if column is not None}


NO_SAMPLES = SampleColumns(array("d"))


@dataclass(frozen=True, slots=True)
class RecordedLap:
    """A lap as the device made it; `start_s` counts from the activity's start, None is unknown."""

    start_s: float
    elapsed_s: float
    moving_s: float | None = None
    distance_m: float | None = None
    average_heart_rate_bpm: float | None = None
    max_heart_rate_bpm: float | None = None
    calories: float | None = None
    trigger: str | None = None


@dataclass(frozen=True, slots=True)
class StatedTotals:
    """Sums that the file itself states; None where it does not. Seconds without pauses: `timer_s`."""

    distance_m: float | None = None
    elapsed_s: float | None = None
    timer_s: float | None = None
    calories: float | None = None
    elevation_gain_m: float | None = None

    def of_a_part(self) -> "StatedTotals":
        """Leave out the sums that samples of a part contradict: they would be stretched to them."""
        return StatedTotals(calories=self.calories)


@dataclass(frozen=True, slots=True)
class RecordedActivity:
    """One activity of a file.

    `sport_type` is in Strava's words, None if the file does not say; `sport_in_file` is the file's
    own word. `is_race`: the athlete marked it as one. `utc_offset_s` is the local clock's, where the
    file tells it. `distance_is_derived`: from the positions, because the file has none. `problems`
    say what is odd, and what is lost.
    """

    started_at: datetime
    sport_type: str | None
    sport_in_file: str | None = None
    is_indoor: bool = False
    is_race: bool = False
    name: str | None = None
    description: str | None = None
    device: str | None = None
    app: str | None = None
    utc_offset_s: int | None = None
    samples: SampleColumns = NO_SAMPLES
    distance_is_derived: bool = False
    laps: tuple[RecordedLap, ...] = ()
    totals: StatedTotals = StatedTotals()
    problems: tuple[str, ...] = ()

    @property
    def elapsed_s(self) -> float:
        """As the file states, but no shorter than its samples; 0 if nothing is known."""
        sampled = self.samples.time_s[-1] if len(self.samples) else 0.0
        ends = (lap.start_s + lap.elapsed_s for lap in self.laps)
        return max(sampled, self.totals.elapsed_s or max(ends, default=0.0))

    @property
    def distance_m(self) -> float:
        """As the file states, else the last sample's, else the laps' sum.

        A stated 0 is none where the device recorded a distance. One that is computed from positions
        is no such: they drift where nobody moves.
        """
        stated = self.totals.distance_m
        if stated or (stated is not None and self.distance_is_derived):
            return stated
        if self.samples.distance_m is not None:
            return float(np.fmax.reduce(cast("Any", self.samples.distance_m)))
        return stated or sum(lap.distance_m or 0.0 for lap in self.laps)

    @property
    def calories(self) -> float | None:
        """As the file states, else the laps' sum, in kilocalories; None where neither has any."""
        if self.totals.calories is not None:
            return self.totals.calories or None
        return sum(lap.calories or 0.0 for lap in self.laps) or None


@dataclass(frozen=True, slots=True)
class ReadFile:
    """The activities of one file, in order of start, and what concerns the file as a whole."""

    format: str
    activities: tuple[RecordedActivity, ...]
    problems: tuple[str, ...] = field(default=())
