"""Pacing: how the second half of a run went against the first.

A negative split is a second half that took less time than the first: the usual term of coaches, as
in Abbiss and Laursen (2008, "Describing and Understanding Pacing Strategies during Athletic
Competition", Sports Med 38(3), 239-252). Halves are of the distance, times are moving times. Half
way lies in one split, within which the pace counts as even.

The reference for the SQL that the server runs: `db/statements/performance/pacing.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from athletics.split import Split

LEAST_M = 2000.0
"""A shorter run has no halves: one split would tell of both."""


@dataclass(frozen=True, slots=True)
class Halves:
    """Moving times of both halves in seconds."""

    first_half_s: float
    second_half_s: float

    @property
    def change_percent(self) -> float:
        """How much longer the second half took, in percent of the first; negative: less long."""
        return 100 * (self.second_half_s / self.first_half_s - 1)

    @property
    def is_negative_split(self) -> bool:
        return self.second_half_s < self.first_half_s


def pacing(splits: Sequence[Split]) -> Halves | None:
    """The halves of a run of these splits, in order. None: it is too short, or stood still."""
    length_m = sum(split.distance_m for split in splits)
    if length_m < LEAST_M:
        return None
    first_s, left_m = 0.0, length_m / 2
    for split in splits:
        share = min(1.0, left_m / split.distance_m) if split.distance_m else 0.0
        first_s += share * split.moving_s
        left_m -= share * split.distance_m
    second_s = sum(split.moving_s for split in splits) - first_s
    return Halves(first_s, second_s) if first_s > 0 and second_s > 0 else None
