"""A populated database: athletes whose every relation has something in it."""

from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import Connection

from graph.global_id import encode_id
from tests import factories as make
from tests.factories import NOON
from tests.originals import create_original


@dataclass
class Population:
    """Global ids by type name; the n-th of each is as full as the others."""

    admin: make.Person
    ids: dict[str, list[str]] = field(default_factory=dict)

    def add(self, type_name: str, number: int) -> None:
        self.ids.setdefault(type_name, []).append(encode_id(type_name, number))


def populate(db: Connection, athletes: int) -> Population:
    population = Population(make.create_admin(db))
    for number in range(athletes):
        _populate_athlete(db, population, number)
    return population


def _populate_athlete(db: Connection, population: Population, number: int) -> None:
    person = make.create_person(
        db, first_name=f"Athlete {number}", resting_heart_rate_bpm=50, max_heart_rate_bpm=190
    )
    make.create_connection(db, person.athlete_id)
    gear = {"gear_id": make.create_gear(db, person.athlete_id)}
    make.create_zones(db, person.athlete_id, date(2020, 1, 1), [0, 120])
    older = make.create_activity(
        db, person.athlete_id, started_at=NOON - timedelta(days=number + 1), **gear
    )
    newer = make.create_activity(
        db,
        person.athlete_id,
        started_at=NOON + timedelta(days=number),
        duplicate_of_id=older,
        **gear,
    )
    for activity in (older, newer):
        make.create_streams(db, activity, make.samples(100))
        make.create_lap(db, activity)
        make.create_split(db, activity)
        make.create_route(db, activity, [(number, 0), (number, 500)])
        make.create_heart_rates(db, activity)
    first = make.create_best_effort(db, older, elapsed_s=1300.0 + number)
    second = make.create_best_effort(db, newer, elapsed_s=1200.0 + number)
    make.create_personal_best(db, first, is_current=False)
    make.create_personal_best(db, second, previous_id=first, improvement_s=100.0)
    job = make.create_job(db, person.athlete_id, status="FAILED")
    make.create_export(db, job, person.athlete_id)
    make.create_import_entry(db, job, person.athlete_id, newer)
    make.create_deleted_activity(db, person.athlete_id, strava_id=number)
    original = create_original(db, person.athlete_id, older, f"{number}".encode())
    make.create_token(db, population.admin.account_id, name=f"token {number}")
    for type_name, row_id in {
        "Athlete": person.athlete_id, "Activity": newer, "BestEffort": second, "PersonalBest": second, "Job": job,
        "ApiToken": number + 1, "Gear": gear["gear_id"], "Original": original,
    }.items():  # fmt: skip
        population.add(type_name, row_id)
