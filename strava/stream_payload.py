"""Reads the samples of a recording from Strava's JSON.

There are thousands of numbers in an answer, so whole columns are looked at first, and single values
only where one of them is not what it should be.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isfinite, nextafter
from typing import Any

from athletics.sample_bounds import LARGEST
from strava.errors import StravaBadData
from strava.fields import Fields, fields_of, is_number

_FASTEST_HEART_BPM = 1_000
_OTHER_COLUMNS = (
    ("cadence", "cadence_rpm", 0, 300),
    ("altitude", "altitude_m", -1_000, 12_000),
    ("watts", "power_w", 0, 5_000),
    ("temp", "temperature_c", -80, 80),
    ("velocity_smooth", "speed_m_per_s", 0, 150),
)
"""Strava's keys of optional streams, our names, and the range of what sensors can tell."""
STREAM_KEYS = ("time", "distance", "heartrate", "latlng", *(each[0] for each in _OTHER_COLUMNS))
"""The streams that are asked for."""
_NUMBERS = {int, float}
_WITHIN = nextafter(LARGEST, 0)
_LEAST_SAMPLES = 2
_MOST_MISSING_AT_END = 0.02
"""Share of samples: within the difference at which a distance counts as corrected."""


@dataclass(frozen=True, slots=True)
class StravaStreams:
    """Samples of one recording, all sequences of one length.

    Seconds and meters count from the start.

    As recorded: time may stand still, distance may jump. `heart_rate_bpm` is None where it was not
    recorded throughout. `other_columns` are by the names of `db.stream_codec.Samples`; single
    values may be None in them, and a column that was not recorded is not among them.
    """

    time_s: tuple[int, ...]
    distance_m: tuple[float, ...]
    heart_rate_bpm: tuple[int, ...] | None
    other_columns: Mapping[str, Sequence[float | None]] = field(default_factory=dict)


def parse_streams(payload: object) -> StravaStreams | None:
    """Read a `key_by_type=true` stream set.

    A sample without a usable time or distance is left out. None without time or distance: nothing
    can be computed from the rest.
    """
    fields = fields_of(payload)
    if not fields.values.get("time") or not fields.values.get("distance"):
        return None
    time, distance = _samples(fields, "time"), _samples(fields, "distance")
    if len(distance) != len(time):
        raise StravaBadData(
            "distance.data", f"has {len(distance)} samples where time has {len(time)}"
        )
    kept = _usable(time, distance)
    return StravaStreams(
        time_s=tuple(map(round, _at(time, kept))),
        distance_m=tuple(map(float, _at(distance, kept))),
        heart_rate_bpm=_heart_rate(fields.values.get("heartrate"), len(time), kept),
        other_columns=_other_columns(fields.values, len(time), kept),
    )


def _samples(fields: Fields, key: str) -> list[Any]:
    samples = fields_of(fields.values[key], f"{key}.").require("data")
    if not isinstance(samples, list):
        raise StravaBadData(f"{key}.data", "is not a list")
    return samples


def _usable(time: list[Any], distance: list[Any]) -> Sequence[int]:
    """Places of the samples with a time and a distance.

    Raises StravaBadData where the samples do not reach the end of the activity, so that their
    distance cannot be compared with the activity's, and where no two are left.
    """
    if all(_all_within(column, -_WITHIN, _WITHIN) for column in (time, distance) if column):
        return range(len(time))
    kept = [
        index
        for index, pair in enumerate(zip(time, distance, strict=True))
        if all(map(_is_sample, pair))
    ]
    missing_at_end = len(time) - 1 - (kept[-1] if kept else -1)
    if len(kept) == len(time) or (
        len(kept) >= _LEAST_SAMPLES and missing_at_end <= _MOST_MISSING_AT_END * len(time)
    ):
        return kept
    key = "distance" if all(map(_is_sample, time)) else "time"
    raise StravaBadData(f"{key}.data", "holds something that is not a number")


def _other_columns(
    streams: Mapping[str, Any], samples: int, kept: Sequence[int]
) -> dict[str, Sequence[float | None]]:
    """The optional columns; what cannot be read costs only itself."""
    found: dict[str, Sequence[float | None]] = {}
    for key, name, least, most in _OTHER_COLUMNS:
        data = _data(streams.get(key), samples)
        column = _column(_at(data, kept), least, most) if data else ()
        if any(value is not None for value in column):
            found[name] = column
    places = _data(streams.get("latlng"), samples)
    if places:
        latitudes, longitudes = _positions(_at(places, kept))
        if any(value is not None for value in latitudes):
            found["latitude"], found["longitude"] = latitudes, longitudes
    return found


def _at(data: list[Any], kept: Sequence[int]) -> list[Any]:
    return data if len(kept) == len(data) else [data[index] for index in kept]


def _column(values: list[Any], least: float, most: float) -> tuple[float | None, ...]:
    """The values as far as they are numbers in the range."""
    if _all_within(values, least, most):
        return tuple(map(float, values))
    return tuple(_within(value, least, most) for value in values)


def _all_within(values: list[Any], least: float, most: float) -> bool:
    """Whether all values are numbers in the range: the usual case, found out fast."""
    if not set(map(type, values)) <= _NUMBERS:
        return False
    # A NaN hides from min and max, but not in a sum.
    return least <= min(values) and max(values) <= most and isfinite(sum(values))


def _positions(
    places: list[Any],
) -> tuple[tuple[float | None, ...], tuple[float | None, ...]]:
    """The latitudes and longitudes of the places, as far as they are some."""
    if set(map(type, places)) == {list} and set(map(len, places)) == {2}:
        latitudes, longitudes = map(list, zip(*places, strict=True))
        if (
            _all_within(latitudes, -90, 90)
            and _all_within(longitudes, -180, 180)
            and 0 not in latitudes
        ):
            return tuple(map(float, latitudes)), tuple(map(float, longitudes))
    pairs = list(map(_place, places))
    return tuple(north for north, _ in pairs), tuple(east for _, east in pairs)


def _data(stream: object, samples: int) -> list[Any] | None:
    data = stream.get("data") if isinstance(stream, Mapping) else None
    return data if isinstance(data, list) and len(data) == samples else None


def _within(value: object, least: float, most: float) -> float | None:
    return float(value) if is_number(value) and least <= value <= most else None


def _place(value: object) -> tuple[float | None, float | None]:
    """Latitude and longitude; 0, 0 is what devices write without a signal."""
    if not isinstance(value, list) or len(value) != len(("latitude", "longitude")):
        return None, None
    latitude, longitude = _within(value[0], -90, 90), _within(value[1], -180, 180)
    is_place = None not in {latitude, longitude} and (latitude, longitude) != (0, 0)
    return (latitude, longitude) if is_place else (None, None)


def _is_sample(value: object) -> bool:
    return is_number(value) and -LARGEST < value < LARGEST


def _heart_rate(stream: object, samples: int, kept: Sequence[int]) -> tuple[int, ...] | None:
    """The heart rate at the samples `kept`; None where it was not recorded throughout."""
    data = stream.get("data") if isinstance(stream, Mapping) else None
    if not isinstance(data, list) or len(data) != samples:
        return None
    rates = _at(data, kept)
    if rates and not _all_within(rates, 0, _FASTEST_HEART_BPM):
        return None
    return tuple(map(round, rates))
