"""Personal bests by SQL are those of `athletics.personal_best`, whatever the efforts and whatever
was there before.
"""

import random
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from sqlalchemy import Connection, insert, text

from db.models import Athlete, PersonalBest
from db.session import SyncDatabase
from db.statements.activities import activity_edit
from db.statements.performance import best_effort, personal_best
from jobs.sync.personal_bests import recalculate_bests
from operator_commands.migrations import upgrade
from settings import load_settings
from tests.db.random_bests import (
    START,
    add_activity,
    add_athlete,
    add_effort,
    by_definition,
    stored,
)


@pytest.fixture(scope="module")
def database(postgres_url) -> Iterator[SyncDatabase]:
    name = "personal_best"
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    settings = load_settings(None, database_url=postgres_url.replace("@/postgres", f"@/{name}"))
    upgrade(settings)
    database = SyncDatabase(settings, application_name="test")
    yield database
    database.close()


def recalculate(connection: Connection, athlete_ids: list[int]) -> None:
    recalculate_bests(connection, athlete_ids)
    connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))


@pytest.mark.parametrize("seed", range(12))
def test_the_sql_does_what_the_definition_says_also_after_changes(database, seed):
    chance, compared = random.Random(seed), 0
    with database.write() as connection:
        athletes = [add_athlete(connection, chance) for _ in range(3)]
        recalculate(connection, athletes)
        for _ in range(4):
            for athlete_id in athletes:
                for others in (False, True):
                    expected = by_definition(connection, athlete_id, for_others=others)
                    assert stored(connection, athlete_id, for_others=others) == expected
                    compared += len(expected)
            change_something(connection, chance)
            recalculate(connection, athletes)
    assert compared  # ids are random, and so is how much the changes leave


def change_something(connection: Connection, chance: random.Random) -> None:
    for statement in (
        "DELETE FROM activities WHERE hashint8(id + :salt) % 6 = 0",
        "DELETE FROM best_efforts WHERE hashint8(id + :salt) % 7 = 0",
        "UPDATE best_efforts SET elapsed_s = elapsed_s + 3 WHERE hashint8(id + :salt) % 5 = 0",
        "UPDATE best_efforts SET elapsed_s = elapsed_s - 4 WHERE hashint8(id + :salt) % 5 = 1",
        "UPDATE best_efforts SET excluded = NOT excluded WHERE hashint8(id + :salt) % 5 = 2",
        "UPDATE activities SET flagged = NOT flagged WHERE hashint8(id + :salt) % 8 = 3",
        "UPDATE activities SET visibility = 'ONLY_ME' WHERE hashint8(id + :salt) % 8 = 4",
        "UPDATE activities SET visibility = 'EVERYONE' WHERE hashint8(id + :salt) % 8 = 5",
    ):
        connection.execute(text(statement), {"salt": chance.randint(0, 10**6)})


def test_a_recalculation_that_changes_nothing_writes_nothing(database):
    with database.write() as connection:
        athlete_id = add_athlete(connection, random.Random(99))
        recalculate(connection, [athlete_id])
    with database.write() as connection:
        versions = connection.execute(
            text("SELECT id, xmin::text FROM personal_bests ORDER BY 1")
        ).all()
        recalculate(connection, [athlete_id])
        assert (
            connection.execute(text("SELECT id, xmin::text FROM personal_bests ORDER BY 1")).all()
            == versions
        )


def test_other_athletes_are_left_alone(database):
    with database.write() as connection:
        first, second = (add_athlete(connection, random.Random(seed)) for seed in (1, 2))
        recalculate(connection, [first])
        assert stored(connection, first)
        assert not stored(connection, second)


def test_a_run_of_which_the_standing_recording_is_hidden_counts_once_for_others(database):
    with database.write() as connection:
        statement = insert(Athlete).values(first_name="A", last_name="B").returning(Athlete.id)
        athlete_id = connection.execute(statement).scalar_one()
        ids = [
            add_activity(connection, athlete_id, flagged=False, visibility=each)
            for each in HIDDEN_FIRST
        ]
        duplicates = text("UPDATE activities SET duplicate_of_id = :original WHERE id = ANY(:ids)")
        connection.execute(duplicates, {"original": ids[0], "ids": ids[1:]})
        later = text(
            "UPDATE activities SET started_at = started_at + :n * interval '1 s' WHERE id = :id"
        )
        for n, activity_id in enumerate(ids):
            connection.execute(later, {"n": n, "id": activity_id})  # ids tell no order
            add_effort(connection, random.Random(0), athlete_id, activity_id, "KM5")
        connection.execute(text("UPDATE best_efforts SET implied = false, excluded = false WHERE athlete_id = :id"),
                           {"id": athlete_id})  # fmt: skip
        recalculate(connection, [athlete_id])
        query = (
            "SELECT activity_id, counts, counts_for_others FROM best_efforts WHERE athlete_id = :id"
        )
        rows = {
            row[0]: tuple(row[1:]) for row in connection.execute(text(query), {"id": athlete_id})
        }
    assert [rows[activity_id] for activity_id in ids] == [
        (True, False),
        (False, False),
        (False, True),
        (False, False),
    ]


@pytest.mark.parametrize(
    ("excluded", "counting"),
    [
        ([], "stands"),
        (["stands"], "earlier"),
        (["stands", "earlier"], "later"),
        (["stands", "later"], "earlier"),
        (["stands", "earlier", "later"], "implied"),
    ],
)
def test_what_is_excluded_hides_no_recording_and_what_has_no_effort_neither(
    database, excluded, counting
):
    """Minutes of start; the one without an effort is the earliest, and the later one's id is lower."""
    starts = {"stands": 5, "later": 9, "implied": 1, "earlier": 3, "without": 0}
    with database.write() as connection:
        statement = insert(Athlete).values(first_name="A", last_name="B").returning(Athlete.id)
        athlete_id = connection.execute(statement).scalar_one()

        def add(*, with_effort: bool = True) -> int:
            added = add_activity(connection, athlete_id, flagged=False, visibility="EVERYONE")
            if with_effort:
                add_effort(connection, random.Random(0), athlete_id, added, "KM5")
            return added

        ids = {name: add(with_effort=name != "without") for name in starts}
        slower = add()
        for name, minute in starts.items():
            values = {
                "id": ids[name],
                "start": START + timedelta(minutes=minute),
                "of": None if name == "stands" else ids["stands"],
                "excluded": name in excluded,
                "implied": name == "implied",
            }
            for change in (
                "activities SET started_at = :start, duplicate_of_id = :of WHERE id = :id",
                "best_efforts SET excluded = :excluded, implied = :implied WHERE activity_id = :id",
            ):
                connection.execute(text(f"UPDATE {change}"), values)
        connection.execute(
            text(
                "UPDATE best_efforts SET elapsed_s = 900, implied = false WHERE activity_id = :id"
            ),
            {"id": slower},
        )
        recalculate(connection, [athlete_id])
        query = "SELECT activity_id, counts, counts_for_others FROM best_efforts WHERE activity_id = ANY(:ids) AND counts"
        rows = connection.execute(text(query), {"ids": list(ids.values())}).all()
    assert [tuple(row) for row in rows] == [(ids[counting], True, True)]


HIDDEN_FIRST = ("ONLY_ME", "FOLLOWERS_ONLY", "EVERYONE", "EVERYONE")


def exclude(connection: Connection, athlete_id: int, effort_id: int, *, is_excluded: bool) -> bool:
    """Exclude an effort as the mutation does; tells whether bests were recalculated."""
    owner = connection.execute(best_effort.owner_of(), {"effort_id": effort_id}).one()
    connection.execute(best_effort.exclude(), {"effort_id": effort_id, "is_excluded": is_excluded})
    others = connection.execute(
        activity_edit.others_of_run(), {"run": owner.run_id, "activity": owner.activity_id}
    )
    parameters = {
        "athlete_ids": [athlete_id],
        "distances": [owner.distance],
        "activity_ids": [owner.activity_id, *others.scalars()],
    }
    update_counts = best_effort.update_counts(of_distances=True, of_activities=True)
    changed = {"changed_ids": connection.execute(update_counts, parameters).scalars().all()}
    found = connection.execute(personal_best.distances_that_may_change(), changed).scalars().all()
    if found:
        told = connection.execute(personal_best.take_back(of_distances=True), parameters)
        if rows := personal_best.rows_to_write(told.mappings()):
            connection.execute(personal_best.write(), rows)
    connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
    return bool(found)


@pytest.mark.parametrize("seed", range(4))
def test_an_exclusion_recalculates_no_more_than_it_must(database, seed):
    chance, recalculated = random.Random(seed), []
    with database.write() as connection:
        athlete_id = add_athlete(connection, chance, activities=12)
        recalculate(connection, [athlete_id])
        query = text("SELECT id FROM best_efforts WHERE athlete_id = :id ORDER BY id")
        ids = connection.execute(query, {"id": athlete_id}).scalars().all()
        changes = [(effort_id, is_excluded) for is_excluded in (True, False) for effort_id in ids]
        for effort_id, is_excluded in changes:
            recalculated.append(exclude(connection, athlete_id, effort_id, is_excluded=is_excluded))
            for for_others in (False, True):
                expected = by_definition(connection, athlete_id, for_others=for_others)
                assert stored(connection, athlete_id, for_others=for_others) == expected
    assert 0 < sum(recalculated) < len(recalculated)


OTHER_GRADES = """
    SELECT count(*) FILTER (WHERE (p.age_grade_percent, p.age_on_day)
               IS DISTINCT FROM (e.age_grade_percent, e.age_on_day)) AS other,
           count(p.age_grade_percent) AS graded
    FROM personal_bests p JOIN best_efforts e USING (id) WHERE p.athlete_id = :id
"""


@pytest.mark.parametrize("unknown", [{"age_on_day"}, {"age_on_day", "age_grade_percent"}])
def test_bests_have_the_grades_of_their_efforts_whoever_writes_them(database, unknown):
    """A worker of a version without the columns writes bests, and grades efforts, beside newer ones."""
    named = ", ".join(each.name for each in PersonalBest.__table__.c if each.name not in unknown)
    graded = (
        "UPDATE best_efforts SET age_on_day = 30 + (10 * random())::int, age_grade_sex = 'FEMALE', "
        "age_grade_table = 'ROAD_2025', open_standard_s = 90, age_standard_s = 95, "
        "age_grade_percent = {} WHERE athlete_id = :id"
    )
    with database.write() as connection:
        mine = {"id": add_athlete(connection, random.Random(5))}
        connection.execute(text(graded.format("60 + random()")), mine)
        recalculate(connection, [mine["id"]])
        bests = connection.execute(text(OTHER_GRADES), mine).one()
        assert bests.other == 0 < bests.graded
        connection.execute(
            text(
                f"CREATE TEMP TABLE kept AS SELECT {named} FROM personal_bests WHERE athlete_id = :id"
            ),
            mine,
        )
        connection.execute(text("DELETE FROM personal_bests WHERE athlete_id = :id"), mine)
        connection.execute(text(f"INSERT INTO personal_bests ({named}) SELECT {named} FROM kept"))
        connection.execute(text("DROP TABLE kept"))
        assert connection.execute(text(OTHER_GRADES), mine).one() == bests
        connection.execute(text(graded.format("70 + random()")), mine)
        assert connection.execute(text(OTHER_GRADES), mine).one() == bests
        # a time that changed has another best soon, and the best that stands keeps its own grade
        connection.execute(text(graded.format("80, elapsed_s = elapsed_s + 1")), mine)
        assert connection.execute(text(OTHER_GRADES), mine).one() == (bests.graded, bests.graded)
        recalculate(connection, [mine["id"]])
        assert connection.execute(text(OTHER_GRADES), mine).one().other == 0
