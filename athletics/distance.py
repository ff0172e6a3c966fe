"""The distances over which best efforts are kept, and how other lengths relate to them."""

from enum import StrEnum
from typing import Self

MILE_M = 1609.344
STRAVA_ROUNDING = 0.001  # Strava's own lengths are off by at most 0.03 % (16,090 m for 10 miles)


class StandardDistance(StrEnum):
    """Declared, and so iterated, shortest first; `meters` is exact, `label` is for people."""

    M400 = "M400", 400.0, "400 m"
    M800 = "M800", 800.0, "800 m"
    KM1 = "KM1", 1000.0, "1 km"
    M1500 = "M1500", 1500.0, "1,500 m"
    MILE1 = "MILE1", MILE_M, "1 mile"
    KM3 = "KM3", 3000.0, "3 km"
    MILE2 = "MILE2", 2 * MILE_M, "2 miles"
    KM5 = "KM5", 5000.0, "5 km"
    KM10 = "KM10", 10000.0, "10 km"
    KM15 = "KM15", 15000.0, "15 km"
    MILE10 = "MILE10", 10 * MILE_M, "10 miles"
    KM20 = "KM20", 20000.0, "20 km"
    HALF_MARATHON = "HALF_MARATHON", 21097.5, "Half marathon"
    KM30 = "KM30", 30000.0, "30 km"
    MARATHON = "MARATHON", 42195.0, "Marathon"
    KM50 = "KM50", 50000.0, "50 km"

    meters: float
    label: str

    def __new__(cls, value: str, meters: float, label: str) -> Self:
        """A member is its own name as a string; the length rides along."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meters = meters
        member.label = label
        return member


def nearest_standard_distance(distance_m: float) -> StandardDistance:
    """The standard distance with the least difference in meters; of two equally near the shorter."""
    return min(StandardDistance, key=lambda distance: abs(distance.meters - distance_m))


def standard_distance_of_strava(distance_m: float) -> StandardDistance | None:
    """The standard distance that Strava means by the `distance` of one of its best efforts.

    Strava rounds (1609 for the mile, 21097 for the half marathon). None for lengths that are no
    standard distance here, such as its half mile (805).
    """
    nearest = nearest_standard_distance(distance_m)
    return nearest if abs(nearest.meters - distance_m) <= STRAVA_ROUNDING * nearest.meters else None
