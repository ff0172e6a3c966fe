"""Writes a recording as GPX 1.1.

Heart rate, cadence and temperature stand in Garmin's TrackPointExtension v1, power in its
PowerExtension v1, as other programs read them. A sample without a position is left out, and so a
new segment begins after it.
"""

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape

from db.stream_codec import Column, Samples

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<gpx version="1.1" creator="pacegraph" xmlns="http://www.topografix.com/GPX/1/1"\
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"\
 xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v1"\
 xmlns:gpxpx="http://www.garmin.com/xmlschemas/PowerExtension/v1"\
 xsi:schemaLocation="http://www.topografix.com/GPX/1/1 http://www.topografix.com/GPX/1/1/gpx.xsd">
"""
_FOOT = "</trk>\n</gpx>\n"
_AT_ONCE = 1000
_MOST_BPM, _MOST_RPM = 255, 254
_MOST_WATTS = 65_535
_MOST_ELEVATION_M = 100_000.0
_WHOLE_TURN, _HALF_TURN = 360.0, 180.0
_MOST_LATITUDE = 90.0
_BEYOND_XML = dict.fromkeys(
    [*range(9), 11, 12, *range(14, 32), 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)]
)

Point = Callable[[int], str]


def gpx_parts(name: str, sport: str, started_at: datetime, samples: Samples) -> Iterator[bytes]:
    """Write a recording with positions, a part of it at a time."""
    started_at = started_at.astimezone(UTC)
    yield (
        f"{_HEAD}<metadata><time>{_time(started_at)}</time></metadata>\n"
        f"<trk><name>{_text(name)}</name><type>{_text(sport)}</type>\n"
    ).encode()
    point = _point_writer(started_at, samples)
    for segment in _segments(samples):
        yield b"<trkseg>\n"
        for start in range(0, len(segment), _AT_ONCE):
            yield "".join([point(number) for number in segment[start : start + _AT_ONCE]]).encode()
        yield b"</trkseg>\n"
    yield _FOOT.encode()


def _segments(samples: Samples) -> Iterator[Sequence[int]]:
    """Yield runs of samples with positions."""
    latitude, longitude = samples.latitude or (), samples.longitude or ()
    start: int | None = None
    for number, (north, east) in enumerate(zip(latitude, longitude, strict=True)):
        if _is_place(north, east):
            start = number if start is None else start
        elif start is not None:
            yield range(start, number)
            start = None
    if start is not None:
        yield range(start, len(latitude))


def _is_place(north: float | None, east: float | None) -> bool:
    return (
        north is not None
        and east is not None
        and -_MOST_LATITUDE <= north <= _MOST_LATITUDE
        and -_WHOLE_TURN <= east <= _WHOLE_TURN
    )


def _point_writer(started_at: datetime, samples: Samples) -> Point:
    time_s, altitude = samples.time_s, samples.altitude_m
    latitude, longitude = samples.latitude or (), samples.longitude or ()
    extensions = _extensions_writer(samples)

    def write(number: int) -> str:
        north, east = latitude[number], longitude[number]
        assert north is not None
        assert east is not None
        east = (east + _HALF_TURN) % _WHOLE_TURN - _HALF_TURN  # 180 is -180 in GPX
        height = altitude[number] if altitude else None
        elevation = (
            "" if height is None or abs(height) > _MOST_ELEVATION_M else f"<ele>{height:.2f}</ele>"
        )
        when = _time(started_at + timedelta(seconds=time_s[number]))
        return (
            f'<trkpt lat="{north:.7f}" lon="{east:.7f}">{elevation}<time>{when}</time>'
            f"{extensions(number)}</trkpt>\n"
        )

    return write


def _extensions_writer(samples: Samples) -> Point:
    def member(name: str, column: Column | None, form: str, least: float, most: float) -> Point:
        def write(number: int) -> str:
            value = column[number] if column else None
            if value is None or not least <= value <= most:
                return ""
            return f"<{name}>{value:{form}}</{name}>"

        return write

    # in the order of the schema
    of_point = [
        member("gpxtpx:atemp", samples.temperature_c, ".1f", -300, 300),
        member("gpxtpx:hr", samples.heart_rate_bpm, ".0f", 1, _MOST_BPM),
        member("gpxtpx:cad", samples.cadence_rpm, ".0f", 0, _MOST_RPM),
    ]
    of_power = member("gpxpx:PowerInWatts", samples.power_w, ".0f", 0, _MOST_WATTS)
    wrapped = ("<gpxtpx:TrackPointExtension>", "</gpxtpx:TrackPointExtension>")

    def write(number: int) -> str:
        inner = "".join([each(number) for each in of_point])
        found = (inner.join(wrapped) if inner else "") + of_power(number)
        return f"<extensions>{found}</extensions>" if found else ""

    return write


def _time(instant: datetime) -> str:
    form = "milliseconds" if instant.microsecond else "seconds"
    return instant.replace(tzinfo=None).isoformat(timespec=form) + "Z"


def _text(value: str) -> str:
    return escape(value.translate(_BEYOND_XML))
