"""The parts of one recording of a kilometer or a mile each; `athletics/split_finder.py` finds them."""

from dataclasses import dataclass
from enum import StrEnum

from athletics.distance import MILE_M


class SplitUnit(StrEnum):
    """The length of a split."""

    KILOMETER = "KILOMETER"
    MILE = "MILE"

    @property
    def meters(self) -> float:
        return MILE_M if self is SplitUnit.MILE else 1000.0


@dataclass(frozen=True, slots=True)
class Split:
    """One part.

    `is_partial`: the last one, shorter than the unit. `moving_s`: without pauses, as
    `athletics/joined_track.py` finds them. `level_distance_m`: the way on the level that costs as much
    (`athletics/grade_cost.py`). None: not recorded, or the values are not sound.
    """

    number: int
    start_offset_s: float
    distance_m: float
    elapsed_s: float
    moving_s: float
    is_partial: bool
    average_heart_rate_bpm: float | None
    elevation_change_m: float | None
    level_distance_m: float | None
