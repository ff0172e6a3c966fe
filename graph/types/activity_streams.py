"""The samples of an activity, in columns."""

from math import isfinite
from typing import Annotated, Any

import strawberry

from db import models as m
from db.chart_samples import StreamsRequest
from graph.errors import InvalidArgument, OutOfRange
from graph.mapping.relation import Arguments
from graph.mapping.row_type import ROW_TYPES, field
from graph.mapping.streams import (
    GAPS,
    SAMPLE_COUNT,
    StreamMember,
    StreamsLookup,
    StreamsRowType,
    build_chart,
    streams_arguments,
)
from graph.pagination import DEFAULT_POINTS, MAX_POINTS

_MAX_SECONDS = 100_000_000
_NOT_RECORDED = "Null if not recorded; an entry is null where the sensor gave no value."
_WHERE = "Visible only to the athlete and administrators. " + _NOT_RECORDED


def _member(name: str, description: str) -> Any:
    return field(StreamMember(name), description)


@strawberry.type(
    description="Samples of an activity, as columns of equal length: the n-th entries of all "
    "columns are one point. Where there are more samples than `maxPoints`, the points are those "
    "that make a chart look as one of all samples does."
)
class ActivityStreams:
    """Samples chosen by `db/chart_samples.py`."""

    sample_count: int = _member(
        SAMPLE_COUNT,
        "Number of samples in the range, or in the whole recording. The columns have as many "
        "entries, but at most `maxPoints`.",
    )
    time_seconds: list[float] = _member(
        "time_s",
        "Elapsed time since the start, in seconds. For other athletes: "
        "since the first sample they see, without what is left out.",
    )
    distance_meters: list[float] = _member(
        "distance_m", "Distance since the start, in meters. For other athletes as `timeSeconds`."
    )
    heart_rate: list[float | None] | None = _member(
        "heart_rate_bpm", f"Heart rate in beats per minute. {_NOT_RECORDED}"
    )
    cadence: list[float | None] | None = _member(
        "cadence_rpm",
        f"Cadence in revolutions per minute. One revolution is two steps. {_NOT_RECORDED}",
    )
    altitude_meters: list[float | None] | None = _member(
        "altitude_m", f"Altitude above sea level, in meters. {_NOT_RECORDED}"
    )
    power_watts: list[float | None] | None = _member("power_w", f"Power in watts. {_NOT_RECORDED}")
    temperature_celsius: list[float | None] | None = _member(
        "temperature_c", f"Temperature in degrees Celsius. {_NOT_RECORDED}"
    )
    speed_meters_per_second: list[float | None] | None = _member(
        "speed_m_per_s",
        "Speed as the device or Strava smoothed it, in meters per second. Between two points, the "
        f"distance divided by the time is exact. {_NOT_RECORDED}",
    )
    latitude: list[float | None] | None = _member("latitude", f"Degrees north. {_WHERE}")
    longitude: list[float | None] | None = _member("longitude", f"Degrees east. {_WHERE}")
    gaps_after: list[int] = _member(
        GAPS,
        "Places of points, from 0, after which nothing was recorded for a while: at least 10 "
        "seconds, and five of the usual intervals. Draw no line from there to the next point. A "
        "pause that was recorded is two points or more at the same distance. For other athletes "
        "also where samples are left out.",
    )


ROW_TYPES["ActivityStreams"] = StreamsRowType(ActivityStreams, m.Activity)
STREAMS_OF_ACTIVITY = StreamsLookup(
    "ActivityStreams", m.Activity.id, build_chart, athlete=m.Activity.athlete_id
)


def read_streams(
    max_points: Annotated[
        int,
        strawberry.argument(
            description=f"Number of points at most. 1 to {MAX_POINTS}. Default: {DEFAULT_POINTS}."
        ),
    ] = DEFAULT_POINTS,
    from_: Annotated[
        float | None,
        strawberry.argument(
            name="from",
            description="Only samples at or after this elapsed time, in seconds. Default: the "
            "start.",
        ),
    ] = None,
    until: Annotated[
        float | None,
        strawberry.argument(
            description="Only samples before this elapsed time, in seconds. Default: the end."
        ),
    ] = None,
) -> Arguments:
    """Read the arguments of streams. Raises OutOfRange, InvalidArgument."""
    if not 1 <= max_points <= MAX_POINTS:
        raise OutOfRange("maxPoints", 1, MAX_POINTS)
    for name, value in (("from", from_), ("until", until)):
        if value is not None and not (isfinite(value) and 0 <= value <= _MAX_SECONDS):
            raise OutOfRange(name, 0, _MAX_SECONDS, "seconds")
    if until is not None and until <= (from_ or 0):
        raise InvalidArgument(
            "until",
            "must be greater than `from`: it is the elapsed time in seconds before which the range "
            "ends.",
        )
    return streams_arguments(StreamsRequest(max_points, from_ or None, until))
