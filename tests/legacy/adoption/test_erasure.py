"""Erasing an athlete reaches the older service's tables, and only that athlete's rows."""

import json

import pytest

from tests.legacy.adoption.world import OLD_TABLES

COUNTED = ("athlete", "activity", "best_effort", "personal_best")


def erase(world, athlete_id: int) -> int:
    return world.value("SELECT legacy.erase_athlete(%s)", athlete_id)


def rows_of(world, kind: str, *old_athletes: str) -> int:
    column = "id" if kind == "athlete" else "athlete_id"
    return world.value(
        f"SELECT count(*) FROM {OLD_TABLES[kind]} WHERE {column}::text = ANY(%s)",
        [*old_athletes],
    )


@pytest.fixture
def adopted(world):
    """The athlete with most activities: old id and new."""
    world.adopt()
    return world.one(
        "SELECT ids.old_id, ids.new_id FROM legacy.ids JOIN public.activity a ON a.athlete_id::text = ids.old_id "
        "WHERE kind = 'athlete' GROUP BY 1, 2 ORDER BY count(*) DESC, 1 LIMIT 1"
    )


def test_all_rows_of_the_athlete_go_and_those_of_others_stay(world, adopted):
    """All: this runner has two of the older service's athletes, with one Strava id."""
    new = adopted["new_id"]
    of_runner = "SELECT old_id FROM legacy.ids WHERE kind = 'athlete' AND new_id = %s"
    olds = [row["old_id"] for row in world.rows(of_runner, new)]
    assert len(olds) == 2
    mine = {kind: rows_of(world, kind, *olds) for kind in COUNTED}
    assert mine["athlete"] == 2
    assert mine["activity"] > 1
    all_before = {kind: world.value(f"SELECT count(*) FROM {OLD_TABLES[kind]}") for kind in COUNTED}
    activities = [
        str(row["id"])
        for row in world.rows(
            "SELECT id FROM public.activity WHERE athlete_id::text = ANY(%s)", olds
        )
    ]
    assert erase(world, new) == 0
    for kind in COUNTED:
        assert rows_of(world, kind, *olds) == 0
        left = world.value(f"SELECT count(*) FROM {OLD_TABLES[kind]}")
        assert left == all_before[kind] - mine[kind]
    books = world.rows("SELECT to_jsonb(b) AS row FROM legacy.adopted b") + world.rows(
        "SELECT to_jsonb(b) AS row FROM legacy.kept_aside b"
    )
    told = json.dumps([each["row"] for each in books])
    assert not [each for each in (*olds, *activities) if each in told]
    assert world.adopt()  # what was erased is not brought back, and does no harm
    assert rows_of(world, "athlete", *olds) == 0


def test_rows_that_others_hold_stay_and_are_counted(world, adopted):
    world.write("CREATE TABLE public.medal (athlete_id uuid REFERENCES public.athlete (id))")
    world.write("INSERT INTO public.medal VALUES (%s)", adopted["old_id"])
    assert erase(world, adopted["new_id"]) == 1
    assert rows_of(world, "athlete", adopted["old_id"]) == 1
    assert rows_of(world, "activity", adopted["old_id"]) == 0


def test_an_athlete_that_the_older_service_did_not_have_is_no_error(world):
    world.adopt()
    before = world.value("SELECT count(*) FROM public.activity")
    assert erase(world, 4711) == 0
    assert world.value("SELECT count(*) FROM public.activity") == before


def test_undoing_drops_the_function(world):
    world.adopt()
    world.run(undo=True)
    assert world.value("SELECT to_regprocedure('legacy.erase_athlete(bigint)') IS NULL") in {
        True,
        world.value("SELECT to_regclass('legacy.ids') IS NULL"),
    }


def test_the_job_reaches_them(world, adopted):
    """As `disconnectStrava` does."""
    athlete = adopted["new_id"]
    world.write("DELETE FROM public.jobs")
    world.write("DELETE FROM strava_connections")  # there is no Strava here to be told
    world.write(
        "INSERT INTO jobs (kind, status, athlete_id) VALUES ('ERASE_ATHLETE', 'QUEUED', %s)",
        athlete,
    )
    world.recalculate()
    assert rows_of(world, "athlete", adopted["old_id"]) == 0
    assert (
        world.value(
            "SELECT count(*) FROM activities WHERE athlete_id = %s AND source = 'STRAVA'", athlete
        )
        == 0
    )
    profile = world.one("SELECT first_name, last_name, city FROM athletes WHERE id = %s", athlete)
    assert profile == {"first_name": "Athlete", "last_name": "", "city": None}
