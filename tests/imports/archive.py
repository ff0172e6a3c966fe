"""Makes an export of any number of activities, as FIT with gzip and GPX: the same for a seed.

Some tracks are run again and again, at another pace on another day, as runners do.
"""

import gzip
import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from zipfile import ZIP_STORED, ZipFile

from tests.recordings.fit_writer import ACTIVITY, RUNNING, FitWriter, fit_time, semicircles

TRACKS = 24
SHORTEST_S, LONGEST_S = 1_200, 4_200
FIRST_S = datetime(2018, 1, 2, 6, tzinfo=UTC).timestamp()
GPX_EVERY = 3
"""One of so many files is GPX, the others FIT, as in the export of someone with a watch."""
_M_PER_DEGREE = 111_320.0
_FIELDS = (
    "position_lat", "position_long", "altitude", "heart_rate", "cadence", "distance", "speed", "temperature",
)  # fmt: skip
_RECORD = struct.Struct("<BIiiHBBIHb")
"""A local number, the time, then _FIELDS: far faster than `FitWriter.add`."""


@dataclass(frozen=True, slots=True)
class Track:
    """A run as it was run once: a value a second."""

    north: list[float]
    east: list[float]
    altitude_m: list[float]
    heart_rate_bpm: list[int]
    cadence_rpm: list[int]
    distance_m: list[float]
    speed_m_per_s: list[float]

    def __len__(self) -> int:
        return len(self.north)


def write_archive(path: Path, activities: int, seed: int) -> None:
    """Write a ZIP archive as Strava exports it, with its list."""
    random = Random(seed)
    tracks = [_track(random) for _ in range(TRACKS)]
    rows = [
        "Activity ID,Activity Date,Activity Name,Activity Type,Activity Description,Gear,Filename"
    ]
    with ZipFile(path, "w", ZIP_STORED) as archive:
        for number in range(activities):
            track, pace = random.choice(tracks), random.uniform(0.9, 1.1)
            start_s = FIRST_S + 86_400 * number + random.randrange(3_600)
            is_gpx = number % GPX_EVERY == 0
            name = f"activities/{number}.{'gpx' if is_gpx else 'fit.gz'}"
            data = (
                _gpx(track, start_s, pace)
                if is_gpx
                else gzip.compress(_fit(track, start_s, pace), 1, mtime=0)
            )
            archive.writestr(name, data)
            rows.append(f"{number},,Run {number},Run,,Shoes {number * 4 // activities},{name}")
        archive.writestr("activities.csv", "\n".join(rows))


def _track(random: Random) -> Track:
    columns: tuple[list, ...] = ([], [], [], [], [], [], [])
    seconds = random.randrange(SHORTEST_S, LONGEST_S)
    north, east = random.uniform(45, 52), random.uniform(4, 14)
    narrow = _M_PER_DEGREE * math.cos(math.radians(north))
    heading, drift, rate, meters = random.uniform(0, 6), 0.0, 100.0, 0.0
    for second in range(seconds):
        drift = 0.97 * drift + random.gauss(0, 0.05)
        hard = second % 420 > 240
        stands = 900 <= second < 930
        speed = 0.0 if stands else max(1.5, 2.8 + 0.9 * hard + drift)
        rate += ((158 if hard else 138) - rate) / 40 + random.gauss(0, 0.3)
        heading += random.gauss(0, 0.03)
        north += speed * math.cos(heading) / _M_PER_DEGREE
        east += speed * math.sin(heading) / narrow
        meters += speed
        altitude = 300 + 40 * math.sin(meters / 900) + random.gauss(0, 0.1)
        row = (north, east, altitude, round(rate), 0 if stands else 84 + hard, meters, speed)
        for column, value in zip(columns, row, strict=True):
            column.append(value)
    return Track(*columns)


def _fit(track: Track, start_s: float, pace: float) -> bytes:
    writer = FitWriter()
    writer.add("file_id", type=ACTIVITY, manufacturer=1, product=3113)
    begun = fit_time(start_s)
    writer.add("record", timestamp=begun, **dict.fromkeys(_FIELDS))
    for second in range(1, len(track)):
        writer.body += _RECORD.pack(
            0,
            begun + second,
            semicircles(track.north[second]),
            semicircles(track.east[second]),
            round((track.altitude_m[second] + 500) * 5),
            track.heart_rate_bpm[second],
            track.cadence_rpm[second],
            round(track.distance_m[second] * pace * 100),
            round(track.speed_m_per_s[second] * pace * 1000),
            18,
        )
    took_s = len(track) - 1
    sums = {
        "timestamp": begun + took_s,
        "start_time": begun,
        "total_elapsed_time": took_s * 1000,
        "total_timer_time": took_s * 1000,
        "total_distance": round(track.distance_m[-1] * pace * 100),
    }
    writer.add("lap", local=1, **sums)
    writer.add("session", local=2, sport=RUNNING, **sums)
    writer.add("activity", local=3, timestamp=begun + took_s, local_timestamp=begun + took_s + 3600)
    return writer.data()


def _gpx(track: Track, start_s: float, pace: float) -> bytes:
    return "".join(_gpx_parts(track, start_s, pace)).encode()


def _gpx_parts(track: Track, start_s: float, pace: float) -> Iterator[str]:
    yield (
        '<?xml version="1.0" encoding="UTF-8"?>\n<gpx creator="StravaGPX" version="1.1" '
        'xmlns="http://www.topografix.com/GPX/1/1" '
        'xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v1">\n'
        " <trk>\n  <name>Run</name>\n  <type>running</type>\n  <trkseg>\n"
    )
    begun = int(start_s)
    for second, (north, east) in enumerate(zip(track.north, track.east, strict=True)):
        at = datetime.fromtimestamp(begun + second, UTC)
        yield (
            f'   <trkpt lat="{north:.7f}" lon="{east * pace:.7f}">\n'
            f"    <ele>{track.altitude_m[second]:.1f}</ele>\n"
            f"    <time>{at:%Y-%m-%dT%H:%M:%SZ}</time>\n"
            "    <extensions>\n     <gpxtpx:TrackPointExtension>\n"
            f"      <gpxtpx:hr>{track.heart_rate_bpm[second]}</gpxtpx:hr>\n"
            f"      <gpxtpx:cad>{track.cadence_rpm[second]}</gpxtpx:cad>\n"
            "     </gpxtpx:TrackPointExtension>\n    </extensions>\n   </trkpt>\n"
        )
    yield "  </trkseg>\n </trk>\n</gpx>\n"
