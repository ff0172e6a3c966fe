"""A run of invented places, and files of it in each format."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from tests.recordings.fit_writer import ACTIVITY, RUNNING, FitWriter, fit_time, semicircles

START_S = datetime(2026, 5, 17, 6, 30, tzinfo=UTC).timestamp()


@dataclass(frozen=True)
class Run:
    """Samples of one run; times from its start, positions in degrees."""

    time_s: Sequence[float]
    distance_m: list[float]
    latitude: list[float]
    longitude: list[float]
    altitude_m: list[float]
    heart_rate_bpm: list[int]

    def __len__(self) -> int:
        return len(self.time_s)


def run_of(seconds: int, *, latitude: float = 47.3, pauses: tuple[range, ...] = ()) -> Run:
    """A run along a meandering way at 2.5 to 4.5 m/s, one sample a second, less the pauses."""
    north_m, east_m = _meters_per_degree(latitude)
    place, along, distance = [latitude, 8.5], 0.0, 0.0
    columns: tuple[list, ...] = ([], [], [], [], [], [])
    for second in range(seconds):
        paused = any(second in pause for pause in pauses)
        if not paused:
            row = (
                second,
                distance,
                *place,
                400 + 20 * math.sin(second / 300),
                130 + round(20 * math.sin(second / 200)),
            )
            for column, value in zip(columns, row, strict=True):
                column.append(value)
            step = 3.5 + math.sin(second / 90)
            heading = along / 400
            place[0] += step * math.cos(heading) / north_m
            place[1] += step * math.sin(heading) / east_m
            along += step
            distance += step
    return Run(*columns)


def _meters_per_degree(latitude: float) -> tuple[float, float]:
    """By the ellipsoid's radii of curvature, from their textbook formulas."""
    phi = math.radians(latitude)
    a, f = 6_378_137.0, 1 / 298.257223563
    e2 = f * (2 - f)
    w = math.sqrt(1 - e2 * math.sin(phi) ** 2)
    return math.radians(1) * a * (1 - e2) / w**3, math.radians(1) * a * math.cos(phi) / w


def fit_file(run: Run, *, start_s: float = START_S, sport: int = RUNNING) -> bytes:
    writer = FitWriter()
    writer.add("file_id", type=ACTIVITY, manufacturer=1, product=3113)
    for index, second in enumerate(run.time_s):
        writer.add(
            "record",
            timestamp=fit_time(start_s + second),
            position_lat=semicircles(run.latitude[index]),
            position_long=semicircles(run.longitude[index]),
            altitude=round((run.altitude_m[index] + 500) * 5),
            heart_rate=run.heart_rate_bpm[index],
            distance=round(run.distance_m[index] * 100),
        )
    end = fit_time(start_s + run.time_s[-1])
    sums = {
        "timestamp": end,
        "start_time": fit_time(start_s),
        "total_elapsed_time": round(run.time_s[-1] * 1000),
        "total_timer_time": (len(run) - 1) * 1000,
        "total_distance": round(run.distance_m[-1] * 100),
    }
    writer.add("lap", local=1, **sums)
    writer.add("session", local=2, sport=sport, **sums)
    writer.add("activity", local=3, timestamp=end, local_timestamp=end + 7200)
    return writer.data()


def gpx_file(run: Run, *, start_s: float = START_S, name: str = "Morning") -> bytes:
    points = "".join(
        f'<trkpt lat="{run.latitude[i]:.7f}" lon="{run.longitude[i]:.7f}">'
        f"<ele>{run.altitude_m[i]:.1f}</ele><time>{iso(start_s + second)}</time>"
        "<extensions><gpxtpx:TrackPointExtension>"
        f"<gpxtpx:hr>{run.heart_rate_bpm[i]}</gpxtpx:hr>"
        "</gpxtpx:TrackPointExtension></extensions></trkpt>"
        for i, second in enumerate(run.time_s)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<gpx version="1.1" creator="Tests" xmlns="http://www.topografix.com/GPX/1/1" '
        'xmlns:gpxtpx="http://www.garmin.com/xmlschemas/TrackPointExtension/v1">'
        f"<trk><name>{name}</name><type>running</type><trkseg>{points}</trkseg></trk></gpx>"
    ).encode()


def tcx_file(run: Run, *, start_s: float = START_S) -> bytes:
    points = "".join(
        f"<Trackpoint><Time>{iso(start_s + second)}</Time><Position>"
        f"<LatitudeDegrees>{run.latitude[i]:.7f}</LatitudeDegrees>"
        f"<LongitudeDegrees>{run.longitude[i]:.7f}</LongitudeDegrees></Position>"
        f"<AltitudeMeters>{run.altitude_m[i]:.1f}</AltitudeMeters>"
        f"<DistanceMeters>{run.distance_m[i]:.2f}</DistanceMeters>"
        f"<HeartRateBpm><Value>{run.heart_rate_bpm[i]}</Value></HeartRateBpm></Trackpoint>"
        for i, second in enumerate(run.time_s)
    )
    return tcx_of(
        f'<Activity Sport="Running"><Id>{iso(start_s)}</Id><Lap StartTime="{iso(start_s)}">'
        f"<TotalTimeSeconds>{run.time_s[-1]}</TotalTimeSeconds>"
        f"<DistanceMeters>{run.distance_m[-1]:.2f}</DistanceMeters><Calories>300</Calories>"
        f"<Track>{points}</Track></Lap><Creator><Name>Watch One</Name></Creator></Activity>"
    )


def tcx_of(activities: str) -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><TrainingCenterDatabase '
        'xmlns="http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2">'
        f"<Activities>{activities}</Activities></TrainingCenterDatabase>"
    ).encode()


def iso(unix_s: float) -> str:
    timespec = "milliseconds" if unix_s % 1 else "seconds"
    return (
        f"{datetime.fromtimestamp(unix_s, UTC).replace(tzinfo=None).isoformat(timespec=timespec)}Z"
    )
