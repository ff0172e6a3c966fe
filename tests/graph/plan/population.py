"""Rows for the differential test: full ones, bare ones, and texts that JSON has to escape."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import Connection

from graph.global_id import encode_id
from graph.pagination import Mark, encode_cursor
from tests import factories as make
from tests.factories import NOON

ODD = 'quote " backslash \\ slash / tab \t newline \n bell \x07 é 漢 😀 \u2028 <&> {"a":1} $1 %s «1.key»'

_LONGEST_S = 2**31 - 1
_LONGEST = {"moving_time_s": _LONGEST_S, "elapsed_time_s": _LONGEST_S, "distance_m": 1.7e308}
_EXTREMES = (
    {**_LONGEST, "elevation_gain_m": 1.7e308},
    {**_LONGEST, "elevation_gain_m": 1.7e308},
    {"moving_time_s": 0, "distance_m": 5030.4},
    {"moving_time_s": _LONGEST_S, "distance_m": 1e-300},
    {"moving_time_s": _LONGEST_S, "distance_m": 5e-324, "elevation_gain_m": 5e-324},
)
"""Their sums and quotients are beyond 32 bits, and beyond a double unless somebody minds it."""


@dataclass
class Population:
    admin: make.Person
    owner: make.Person
    stranger: make.Person
    ids: list[str] = field(default_factory=list)
    cursors: list[str] = field(default_factory=list)


def populate(db: Connection) -> Population:
    owner = make.create_person(
        db,
        first_name=ODD,
        last_name="O'Brien",
        sex="MALE",
        birth_date=date(1980, 5, 17),
        shares=True,
    )
    bare = {"sex": None, "birth_date": None, "city": None, "country": None}
    stranger = make.create_person(db, first_name="Bare", last_name="", shares=False, **bare)
    population = Population(make.create_admin(db), owner, stranger)
    make.create_connection(db, owner.athlete_id)
    make.create_zones(db, owner.athlete_id, date(2026, 1, 1), [0, 100, 120])
    make.create_zones(db, owner.athlete_id, date(2026, 3, 3), [95, 110])
    make.create_sync_problem(db, owner, strava_id=None, next_try_at=None)
    for person in (owner, stranger):
        _jobs(db, population, person, _runs(db, population, person))
    population.ids += [
        owner.id,
        stranger.id,
        encode_id("Athlete", 10**9),
        encode_id("Activity", 10**12),
    ]
    population.cursors += _cursors()
    return population


def _runs(db: Connection, population: Population, person: make.Person) -> int:
    previous = None
    gear = [
        make.create_gear(db, person.athlete_id, name=name, stated_distance_m=5.5)
        for name in (ODD, None)
    ]
    population.ids += [encode_id("Gear", each) for each in gear]
    for number, visibility in enumerate(("EVERYONE", "FOLLOWERS_ONLY", "ONLY_ME", "EVERYONE")):
        activity = make.create_activity(
            db, person.athlete_id, name=ODD if number == 0 else f"Run {number}", visibility=visibility,
            description=ODD if number == 1 else None, calories_kcal=number or None, is_race=number == 3,
            gear_id=gear[number // 2] if number else None,
            started_at=NOON + timedelta(days=number, microseconds=number * 250_000), distance_m=number * 2500.25,
            average_heart_rate_bpm=None if number % 2 else 150.5, elevation_gain_m=None if number == 2 else 12.0,
        )  # fmt: skip
        _streams(db, activity, number)
        _details(db, activity, number)
        effort = make.create_best_effort(db, activity, elapsed_s=1300.125 - 50 * number)
        best = {"previous_id": previous, "improvement_s": 50.0} if previous else {}
        make.create_personal_best(db, effort, is_current=number == 3, **best)
        previous = effort
        population.ids += [encode_id("Activity", activity), encode_id("BestEffort", effort)]
        population.ids.append(encode_id("PersonalBest", effort))
    for extremes in _EXTREMES:
        population.ids.append(
            encode_id("Activity", make.create_activity(db, person.athlete_id, **extremes))
        )
    if person is population.owner:
        make.create_sync_problem(db, person, activity_id=activity, message=ODD)
    copy = make.create_activity(
        db, person.athlete_id, duplicate_of_id=activity, sport_type="TrailRun"
    )
    population.ids.append(encode_id("Activity", copy))
    return activity


def _streams(db: Connection, activity: int, number: int) -> None:
    """Few samples, then more than the smallest level, then none; last those of older versions."""
    if number == 3:
        make.create_streams(db, activity, make.samples(30), version=1)
    elif number != 2:
        odd = make.samples(30 + 60 * number, every_column=True, gap_s=99.5, blanks=bool(number))
        make.create_streams(db, activity, odd)


def _details(db: Connection, activity: int, number: int) -> None:
    for lap in range(1, 2 * number + 1):
        nothing = {"moving_time_s": None, "distance_m": None, "average_heart_rate_bpm": None}
        odd = {"distance_m": 1e-300, "moving_time_s": 1.7e308}
        make.create_lap(db, activity, lap, **{2: nothing, 3: odd}.get(lap, {}))
        unsound = dict.fromkeys(("elevation_change_m", "level_distance_m"))
        standing = {"moving_time_s": 0.0, "is_partial": True}
        make.create_split(db, activity, lap, **{2: unsound, 3: standing}.get(lap, {}))
        make.create_split(db, activity, lap, unit="MILE", distance_m=1609.344)
    make.create_heart_rates(db, activity, 90 + number, (1.5, 0.0, 2.25) * 20)
    if number:
        route = [(60_000_000 + 800 * step, 179_990_000 + 900 * step) for step in range(20 * number)]
        wrapped = [(y, x if x < 180_000_000 else x - 360_000_000) for y, x in route]
        make.create_route(db, activity, wrapped)


def _jobs(db: Connection, population: Population, person: make.Person, activity: int) -> None:
    for status in ("SUCCEEDED", "FAILED", "WAITING"):
        job = make.create_job(db, person.athlete_id, status=status)
        make.create_export(db, job, person.athlete_id, size_bytes=2**40 + 1)
        make.create_job_problem(db, job, person.athlete_id)
        make.create_job_problem(db, job, person.athlete_id, strava_id=None)
        for place, imported in enumerate((None, activity, None)):
            make.create_import_entry(db, job, person.athlete_id, imported, position=place, path=ODD)
        population.ids.append(encode_id("Job", job))


def _cursors() -> list[str]:
    from db.statements.activities import activity
    from db.statements.athletes import athlete
    from db.statements.jobs import job

    return [
        encode_cursor(
            activity.ORDERINGS["STARTED_AT", True], Mark(NOON + timedelta(days=2), 10**6)
        ),
        encode_cursor(activity.ORDERINGS["DISTANCE", False], Mark(2500.25, 2)),
        encode_cursor(athlete.ORDERINGS["JOINED", False], Mark(1, 1)),
        encode_cursor(job.NEWEST, Mark(NOON + timedelta(days=4000), 10**6)),
    ]
