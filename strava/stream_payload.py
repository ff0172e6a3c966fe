"""Reads the samples of a recording from Strava's JSON, into arrays.

There are thousands of numbers in an answer, so whole columns are looked at first, and single values
only where one of them is not what it should be. Only what derives imports this module: it computes
with numpy.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from math import nan, nextafter
from typing import Any

import numpy as np

from athletics.columns import Floats, floats
from athletics.sample_bounds import LARGEST
from strava.answer_shape import parsed, stream_set
from strava.errors import StravaBadData
from strava.fields import Fields, fields_of, is_number
from strava.plain_streams import PLACES, plain_columns
from strava.stream_keys import OTHER_COLUMNS

_FASTEST_HEART_BPM = 1_000
_NUMBERS = {int, float}
_WITHIN = nextafter(LARGEST, 0)
_LEAST_SAMPLES = 2
_MOST_MISSING_AT_END = 0.02
"""Share of samples: within the difference at which a distance counts as corrected."""
_PLACE = 2  # numbers


@dataclass(frozen=True, slots=True, eq=False)
class StravaStreams:
    """Samples of one recording, all columns of one length.

    Seconds, whole ones, and meters count from the start.

    As recorded: time may stand still, distance may jump. `heart_rate_bpm`, whole beats, is None where
    it was not recorded throughout. `other_columns` are by the names of `db.stream_codec.Samples`;
    single values may be NaN in them, and a column that was not recorded is not among them.
    """

    time_s: Floats
    distance_m: Floats
    heart_rate_bpm: Floats | None
    other_columns: Mapping[str, Floats] = field(default_factory=dict)


def read_answer(body: bytes) -> StravaStreams | None:
    """Read an answer as `parse_streams` does. None: it has no streams.

    Raises also StravaUnreadable, for what is no answer.
    """
    columns = plain_columns(body)
    if columns is not None and (streams := _usual(columns)) is not None:
        return streams
    payload = stream_set(parsed(body))
    return parse_streams(payload) if payload else None


def _usual(columns: Mapping[str, Floats]) -> StravaStreams | None:
    """Take the columns of a usual answer; None where a value is out of its range."""
    time, distance, rates = (columns.get(key) for key in ("time", "distance", "heartrate"))
    if time is None or distance is None:
        return None
    found = {
        name: (columns[key], least, most)
        for key, name, least, most in OTHER_COLUMNS
        if key in columns
    }
    if (places := columns.get(PLACES)) is not None:
        latitudes, longitudes = places[::_PLACE].copy(), places[1::_PLACE].copy()
        if (latitudes == 0).any():  # what devices write without a signal
            return None
        found |= {"latitude": (latitudes, -90, 90), "longitude": (longitudes, -180, 180)}
    bounded = [(time, -_WITHIN, _WITHIN), (distance, -_WITHIN, _WITHIN), *found.values()]
    if rates is not None:
        bounded.append((rates, 0, _FASTEST_HEART_BPM))
    if not all(_are_within(*each) for each in bounded):
        return None
    return StravaStreams(
        time_s=np.rint(time),
        distance_m=distance,
        heart_rate_bpm=None if rates is None else np.rint(rates),
        other_columns={name: column for name, (column, _, _) in found.items()},
    )


def _are_within(column: Floats, least: float, most: float) -> bool:
    return bool(least <= column.min() and column.max() <= most)  # not where there is a NaN


def parse_streams(payload: object) -> StravaStreams | None:
    """Read a `key_by_type=true` stream set.

    A sample without a usable time or distance is left out. None without time or distance: nothing
    can be computed from the rest. Raises StravaBadData.
    """
    fields = fields_of(payload)
    if not fields.values.get("time") or not fields.values.get("distance"):
        return None
    time, distance = _samples(fields, "time"), _samples(fields, "distance")
    if len(distance) != len(time):
        raise StravaBadData(
            "distance.data", f"has {len(distance)} samples where time has {len(time)}"
        )
    kept: Sequence[int] = range(len(time))
    times, meters = (_numbers(column, -_WITHIN, _WITHIN) for column in (time, distance))
    if times is None or meters is None:
        kept = _usable(time, distance)
        times, meters = floats(_at(time, kept)), floats(_at(distance, kept))
    return StravaStreams(
        time_s=np.rint(times),
        distance_m=meters,
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
) -> dict[str, Floats]:
    """The optional columns; what cannot be read costs only itself."""
    found: dict[str, Floats] = {}
    for key, name, least, most in OTHER_COLUMNS:
        data = _data(streams.get(key), samples)
        if data and not np.isnan(column := _column(_at(data, kept), least, most)).all():
            found[name] = column
    places = _data(streams.get("latlng"), samples)
    if places:
        latitudes, longitudes = _positions(_at(places, kept))
        if not np.isnan(latitudes).all():
            found["latitude"], found["longitude"] = latitudes, longitudes
    return found


def _at(data: list[Any], kept: Sequence[int]) -> list[Any]:
    return data if len(kept) == len(data) else [data[index] for index in kept]


def _column(values: list[Any], least: float, most: float) -> Floats:
    """The values as far as they are numbers in the range, else NaN."""
    column = _numbers(values, least, most)
    return floats([_within(each, least, most) for each in values]) if column is None else column


def _numbers(values: list[Any], least: float, most: float) -> Floats | None:
    """The values if all are numbers in the range: the usual case, found out fast."""
    if not set(map(type, values)) <= _NUMBERS:
        return None
    try:
        column = floats(values)
    except OverflowError:  # a whole number of hundreds of digits
        return None
    return column if not values or _are_within(column, least, most) else None


def _positions(places: list[Any]) -> tuple[Floats, Floats]:
    """The latitudes and longitudes of the places, NaN where there is none."""
    if set(map(type, places)) == {list} and set(map(len, places)) == {_PLACE}:
        numbers = _numbers(list(chain.from_iterable(places)), -180, 180)
        if numbers is not None:
            latitudes, longitudes = numbers[::_PLACE].copy(), numbers[1::_PLACE].copy()
            if (np.abs(latitudes) <= 90).all() and (latitudes != 0).all():  # noqa: PLR2004 - degrees
                return latitudes, longitudes
    pairs = list(map(_place, places))
    return floats([north for north, _ in pairs]), floats([east for _, east in pairs])


def _data(stream: object, samples: int) -> list[Any] | None:
    data = stream.get("data") if isinstance(stream, Mapping) else None
    return data if isinstance(data, list) and len(data) == samples else None


def _within(value: object, least: float, most: float) -> float:
    return float(value) if is_number(value) and least <= value <= most else nan


def _place(value: object) -> tuple[float, float]:
    """Latitude and longitude; 0, 0 is what devices write without a signal."""
    if not isinstance(value, list) or len(value) != _PLACE:
        return nan, nan
    latitude, longitude = _within(value[0], -90, 90), _within(value[1], -180, 180)
    is_place = latitude == latitude and longitude == longitude and (latitude, longitude) != (0, 0)  # noqa: PLR0124 - NaN
    return (latitude, longitude) if is_place else (nan, nan)


def _is_sample(value: object) -> bool:
    return is_number(value) and -LARGEST < value < LARGEST


def _heart_rate(stream: object, samples: int, kept: Sequence[int]) -> Floats | None:
    """The heart rate at the samples `kept`; None where it was not recorded throughout."""
    data = _data(stream, samples)
    rates = None if data is None else _numbers(_at(data, kept), 0, _FASTEST_HEART_BPM)
    return None if rates is None else np.rint(rates)
