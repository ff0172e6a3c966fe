"""An athlete with a value in every field, some of whose runs are hidden from others."""

from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

from sqlalchemy import Connection

from graph.global_id import encode_id
from tests import factories as make
from tests.factories import NOON
from tests.originals import create_original

MARK = "Geheim"
"""In every text of the athlete's."""
LATITUDE = -41.775577
ON_TREADMILL = 12
"""The day of a run without positions: of the others a part of the way is hidden."""
MARKS = (MARK, "1961-02-03", "77007700", str(LATITUDE))
"""Values that are nobody else's."""
_RUNNING = {"status": "RUNNING", "kind": "PERSONAL_BESTS"}


@dataclass
class ExposedAthlete:
    """`shown` are the global ids of what others may see, `hidden` of the rest, by type name."""

    person: make.Person
    shown: dict[str, list[str]] = field(default_factory=dict)
    hidden: dict[str, list[str]] = field(default_factory=dict)

    @property
    def ids(self) -> set[str]:
        return {
            each for ids in (self.shown, self.hidden) for found in ids.values() for each in found
        }

    def add(self, type_name: str, number: int, *, is_shown: bool) -> None:
        ids = self.shown if is_shown else self.hidden
        ids.setdefault(type_name, []).append(encode_id(type_name, number))


def create_exposed_athlete(db: Connection, **athlete: Any) -> ExposedAthlete:
    texts = dict.fromkeys(("first_name", "last_name", "city", "country"), MARK)
    person = make.create_person(
        db,
        sex="FEMALE",
        birth_date=date(1961, 2, 3),
        resting_heart_rate_bpm=47,
        max_heart_rate_bpm=187,
        **(texts | athlete),
    )
    exposed = ExposedAthlete(person)
    exposed.add("Athlete", person.athlete_id, is_shown=True)
    make.create_connection(
        db, person.athlete_id, strava_athlete_id=77007700, scopes=[MARK], last_synced_at=NOON, refused_at=NOON,
        history_complete_at=NOON,
    )  # fmt: skip
    make.create_zones(db, person.athlete_id, date(2020, 1, 1), [0, 120, 150])
    _add_jobs(db, exposed, _add_runs(db, exposed))
    _add_token(db, exposed)
    make.create_deleted_activity(db, person.athlete_id, strava_id=77007700)
    return exposed


def _add_runs(db: Connection, exposed: ExposedAthlete) -> dict[int, int]:
    """For the athlete the second, fourth and fifth run each improved; for others the third, and by
    more the fourth.
    """
    athlete_id = exposed.person.athlete_id
    times_s = {1: 1300.0, 5: 1200.0, 9: 1250.0, 12: 1190.0, 20: 1180.0}
    runs = {
        day: _add_run(db, exposed, day, "ONLY_ME" if day in {5, 20} else "EVERYONE")
        for day in times_s
    }
    runs[30] = _add_run(db, exposed, 30, "EVERYONE", duplicate_of_id=runs[1])
    runs[31] = _add_run(db, exposed, 31, "EVERYONE", duplicate_of_id=runs[20])
    make.create_sync_problem(db, exposed.person, activity_id=runs[1], message=MARK)
    graded = {"age_on_day": 64, "sex": "FEMALE"}
    measured = {"start_distance_m": 77.0, "average_heart_rate_bpm": 137.5}
    efforts = {
        day: make.create_best_effort(db, runs[day], elapsed_s=time_s, **graded, **measured)
        for day, time_s in times_s.items()
    }
    far = make.create_best_effort(db, runs[5], distance="KM10", elapsed_s=3333.0, **measured)
    near = [
        make.create_best_effort(db, runs[ON_TREADMILL], distance=distance, elapsed_s=elapsed_s)
        for distance, elapsed_s in (("M400", 80.0), ("KM1", 210.0))
    ]
    make.recalculate_bests(db, athlete_id)
    for day, activity in runs.items():
        exposed.add("Activity", activity, is_shown=day not in {5, 20})
    for day, effort in efforts.items():
        exposed.add("BestEffort", effort, is_shown=day not in {5, 20})
        exposed.add("PersonalBest", effort, is_shown=day not in {5, 20})
    for type_name in ("BestEffort", "PersonalBest"):
        exposed.add(type_name, far, is_shown=False)
        for effort in near:
            exposed.add(type_name, effort, is_shown=True)
    return runs


def _add_run(
    db: Connection, exposed: ExposedAthlete, day: int, visibility: str, **columns: Any
) -> int:
    athlete_id = exposed.person.athlete_id
    gear_id = make.create_gear(db, athlete_id, name=f"{MARK} shoes", stated_distance_m=77007700.0)
    exposed.add("Gear", gear_id, is_shown=visibility == "EVERYONE")
    activity_id = make.create_activity(
        db, athlete_id, visibility=visibility, name=f"{MARK} {visibility}", started_at=NOON + timedelta(days=day),
        distance_m=5000.5 + day, moving_time_s=2000 + day, elapsed_time_s=3000 + day, elevation_gain_m=100.5 + day,
        average_heart_rate_bpm=130.5 + day, max_heart_rate_bpm=160.5 + day, average_cadence_rpm=70.5 + day,
        timezone_text=f"{MARK} zone", description=f"{MARK} words", notes=f"{MARK} notes", device_name=f"{MARK} watch",
        calories_kcal=77007700.0, gear_id=gear_id, is_race=day == 9, trainer=day == ON_TREADMILL, **columns,
    )  # fmt: skip
    make.create_lap(db, activity_id, distance_m=1000.5 + day)
    make.create_split(db, activity_id, distance_m=2000.5 + day)
    samples = make.samples(200, every_column=True, gap_s=60, latitude=LATITUDE)
    if day == ON_TREADMILL:
        samples = replace(samples, latitude=None, longitude=None)
    make.create_streams(db, activity_id, samples)
    if samples.latitude is not None:
        route = [(77_007_700 + 50 * step, 7_000_000 + 500 * step) for step in range(200)]
        make.create_route(db, activity_id, route)
    content = f"{MARK} {day}".encode()
    original_id = create_original(db, athlete_id, activity_id, content, file_name=f"{MARK}.fit")
    exposed.add("Original", original_id, is_shown=False)
    make.create_heart_rates(db, activity_id, 100, (10.0 + day,) * 80)
    return activity_id


def _add_jobs(db: Connection, exposed: ExposedAthlete, runs: dict[int, int]) -> None:
    progress = {
        "progress_done": 3,
        "progress_total": 12,
        "progress_message": MARK,
        "attempt_started_at": NOON,
    }
    waiting = {"status": "WAITING", "waiting_since": NOON, "quota_until": NOON}
    for columns in ({"status": "FAILED", "error_message": MARK}, waiting, _RUNNING):
        job = make.create_job(db, exposed.person.athlete_id, **(columns | progress))
        make.create_job_problem(db, job, exposed.person.athlete_id)
        make.create_export(db, job, exposed.person.athlete_id, token=f"{MARK}-{job}")
        make.create_import_entry(
            db, job, exposed.person.athlete_id, runs[5], path=MARK, message=MARK
        )
        make.create_athlete_change(db, exposed.person.athlete_id, job, runs[5], "KM5")
        exposed.add("Job", job, is_shown=False)


def _add_token(db: Connection, exposed: ExposedAthlete) -> None:
    times = dict.fromkeys(("expires_at", "last_used_at", "revoked_at"), NOON)
    make.create_token(db, exposed.person.account_id, name=MARK, **times)
    db.exec_driver_sql("UPDATE api_tokens SET last_used_at = now()")
    tokens = f"SELECT id FROM api_tokens WHERE account_id = {exposed.person.account_id}"
    for number in db.exec_driver_sql(tokens).scalars():
        exposed.add("ApiToken", number, is_shown=False)
