"""Derives rows of best efforts, with age grades, from an activity and its samples. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from athletics.activity_effort import (
    ActivityEffort,
    RecordedRun,
    StravaEffort,
    Streams,
    efforts_of_activity,
)
from athletics.age_grade import age_grade, age_on, default_table
from athletics.age_grade_table import OutOfTable, Sex
from db.statements.performance.best_effort import GRADE_COLUMNS
from db.stream_codec import Samples

EFFORTS_VERSION = 7
"""Raise it when the rules change: activities of another version are derived again.

4: with levels of their streams. 5: with splits and heart rates.
6: with the samples of a route's points; `achieved_at` counts from the start of the run.
7: with the meters at which efforts begin, and their heart rates.
"""

_DIGITS = 3  # milliseconds
_LEAST_S = 0.001


@dataclass(frozen=True, slots=True)
class Runner:
    """The parts of an athlete that efforts depend on."""

    sex: Sex | None
    birth_date: date | None

    @classmethod
    def from_row(cls, row: Any) -> "Runner":
        """Make one of a row with `sex` and `birth_date`."""
        return cls(Sex(row.sex) if row.sex else None, row.birth_date)


@dataclass(frozen=True, slots=True)
class DerivedRows:
    """Rows of `best_efforts`, shortest distance first.

    `is_lacking`: Strava's own efforts are worth asking for, because the streams lack some. `run` is
    what they were derived from, with its track.
    """

    rows: list[dict[str, Any]]
    is_lacking: bool
    run: RecordedRun


def derive_rows(
    activity: Any, runner: Runner, samples: Samples | None, given: Iterable[StravaEffort] = ()
) -> DerivedRows:
    """Derive the efforts of an activity; none unless an unflagged run.

    `activity` is a row as `db.statements.activities.effort_derivation.pending` selects it. Raises
    athletics.best_effort.StreamError.
    """
    run = recorded_run(activity, samples, given)
    found = efforts_of_activity(
        run, sport_type=activity.sport_type, flagged=activity.flagged, sex=runner.sex
    )
    return DerivedRows(effort_rows(activity, runner, found.efforts), bool(found.lacking), run)


def recorded_run(
    activity: Any, samples: Samples | None, given: Iterable[StravaEffort] = ()
) -> RecordedRun:
    """Take what efforts and splits are derived from; `activity` is a row as in `derive_rows`."""
    return RecordedRun(
        distance_m=activity.distance_m,
        elapsed_s=activity.elapsed_time_s,
        on_treadmill=activity.trainer,
        streams=None if samples is None else streams_of(samples),
        strava_efforts=given,
    )


def streams_of(samples: Samples) -> Streams:
    """Take the columns that efforts, splits and sums are derived from."""
    return Streams(samples.time_s, samples.distance_m, samples.heart_rate_bpm, samples.altitude_m)


def effort_rows(
    activity: Any, runner: Runner, efforts: Iterable[ActivityEffort]
) -> list[dict[str, Any]]:
    """Make rows of efforts, with age grades.

    Of `activity` they take `id`, `athlete_id`, `started_at` and `started_at_local`.
    """
    return [_row(activity, runner, each) for each in efforts]


def strava_efforts(given: Iterable[Mapping[str, float]] | None) -> list[StravaEffort]:
    """Strava's best efforts, out of the column `given_efforts`."""
    return [StravaEffort(**effort) for effort in given or ()]


def grade_columns(runner: Runner, distance_m: float, elapsed_s: float, day: date) -> dict[str, Any]:
    """Values of GRADE_COLUMNS; all None where sex or age is unknown or out of the table's range."""
    age = age_on(runner.birth_date, day) if runner.birth_date else None
    if runner.sex is None or age is None:
        return dict.fromkeys(GRADE_COLUMNS)
    try:
        grade = age_grade(distance_m, elapsed_s, runner.sex, age, default_table(distance_m))
    except OutOfTable:
        return dict.fromkeys(GRADE_COLUMNS)
    return {
        "age_on_day": grade.age_on_day,
        "age_grade_sex": grade.sex.value,
        "age_grade_table": grade.table.value,
        "open_standard_s": grade.open_standard_s,
        "age_standard_s": grade.age_standard_s,
        "age_grade_percent": grade.percent,
    }


def _row(activity: Any, runner: Runner, effort: ActivityEffort) -> dict[str, Any]:
    # Rounding keeps the order of times, so that none contradicts another.
    elapsed_s = max(_LEAST_S, round(float(effort.elapsed_s), _DIGITS))
    start_s = max(0.0, round(float(effort.start_offset_s), _DIGITS))
    distance_m = effort.distance.meters
    return {
        "athlete_id": activity.athlete_id,
        "activity_id": activity.id,
        "distance": effort.distance.value,
        "distance_m": distance_m,
        "elapsed_s": elapsed_s,
        "start_offset_s": start_s,
        "start_distance_m": _rounded(effort.start_m, _DIGITS),
        "average_heart_rate_bpm": _rounded(effort.heart_rate_bpm, 1),
        "achieved_at": activity.started_at + timedelta(seconds=elapsed_s),
        "provenance": effort.provenance.value,
        "implied": effort.implied,
        # The age on the day at the athlete's place.
        **grade_columns(runner, distance_m, elapsed_s, activity.started_at_local.date()),
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
