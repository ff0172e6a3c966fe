"""Strava's heart rate zones of an athlete, of `/athlete/zones`."""

from itertools import pairwise

from strava.fields import fields_of

_MOST_ZONES, _FASTEST_BPM = 10, 250


def parse_zones(payload: object) -> tuple[int, ...]:
    """Read where each zone begins, in beats a minute; empty where Strava tells none.

    Raises StravaBadData for zones that cannot be, because times in only some would mislead.
    """
    fields = fields_of(payload)
    told = fields.values.get("heart_rate")
    if told is None:
        return ()
    of_heart = fields_of(told, "heart_rate.")
    zones = of_heart.require("zones")
    if not isinstance(zones, list) or len(zones) > _MOST_ZONES:
        raise of_heart.bad("zones", f"is not a list of at most {_MOST_ZONES}")
    lowest = tuple(
        fields_of(each, f"heart_rate.zones[{number}].").whole_number("min")
        for number, each in enumerate(zones)
    )
    if (
        any(above <= below for below, above in pairwise(lowest))
        or max(lowest, default=0) > _FASTEST_BPM
    ):
        raise of_heart.bad("zones", "do not rise, or are beyond any heart's")
    return lowest
