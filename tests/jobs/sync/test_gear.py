"""Gear of activities, from Strava."""

from datetime import UTC, datetime

import pytest

from tests.jobs.few_runs import strava  # noqa: F401 - the fixture

GEAR = """SELECT g.strava_id, g.name, retired, stated_distance_m, asked_at IS NOT NULL AS asked
    FROM gear g ORDER BY 1"""
OF = "SELECT g.strava_id FROM activities a LEFT JOIN gear g ON g.id = gear_id WHERE a.strava_id = :id"


OF_ATHLETE = "SELECT count(*) FROM athlete_changes WHERE of_athlete"


def add(world, gear_id, **fields) -> int:
    return world.strava.add(gear_id=gear_id, start_date="2021-12-24T10:00:00Z", **fields)


def tell(world, gear_id: str, **fields) -> None:
    world.strava.control("PUT", f"/athletes/1001/gear/{gear_id}", json=fields)


def test_a_sync_reads_gear_with_its_mileage_and_asks_once(world):
    runner = world.connect()
    tell(world, "g7", name="Fast ones", distance=123456.7, retired=True)
    one, two, bike, odd = (add(world, each) for each in ("g7", "g8", "b9", "g7'; --"))
    world.sync(runner)
    assert world.rows(GEAR) == [
        {"strava_id": "g7", "name": "Fast ones", "retired": True, "stated_distance_m": 123456.7, "asked": True},
        {"strava_id": "g8", "name": "Shoes g8", "retired": False, "stated_distance_m": 100000.0, "asked": True},
    ]  # fmt: skip
    assert [world.value(OF, id=each) for each in (one, two, bike, odd)] == ["g7", "g8", None, None]
    world.strava.forget_requests()
    world.sync(runner)
    assert world.strava.requests("/gear/") == 0
    world.write("UPDATE gear SET asked_at = now() - interval '8 days'")
    tell(world, "g8", name="Other name", retired=True)
    told = world.value(OF_ATHLETE)
    world.sync(runner)
    assert world.strava.requests("/gear/") == 1  # what is retired is not asked for again
    assert world.rows(GEAR)[1]["name"] == "Other name"
    assert world.rows(GEAR)[1]["retired"] is True
    assert world.value(OF_ATHLETE) == told + 1
    world.write("UPDATE gear SET asked_at = now() - interval '29 days'")
    world.strava.forget_requests()
    world.sync(runner)
    assert world.strava.requests("/gear/") == 2
    assert world.value(OF_ATHLETE) == told + 1  # asked, and nothing is new


def test_retired_shoes_that_are_worn_again_are_asked_for(world):
    runner = world.connect()
    for gear_id in ("g7", "g8"):
        tell(world, gear_id, name=f"Old {gear_id}", retired=True)
        add(world, gear_id)
    world.sync(runner)
    assert [row["retired"] for row in world.rows(GEAR)] == [True, True]
    world.write("UPDATE gear SET asked_at = now() - interval '8 days'")
    for gear_id in ("g7", "g8"):
        tell(world, gear_id, name=f"New {gear_id}", retired=False)
    world.strava.add(gear_id="g7", start_date=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
    world.sync(runner)
    assert [row["name"] for row in world.rows(GEAR)] == ["New g7", "Old g8"]
    world.write("UPDATE gear SET asked_at = now() - interval '29 days'")
    world.sync(runner)
    assert [row["retired"] for row in world.rows(GEAR)] == [False, False]


def test_an_activity_alone_brings_the_name_and_follows_a_change(world):
    runner = world.connect()
    strava_id = add(world, "g7")
    world.sync(runner, activity_id=strava_id)
    [gear] = world.rows(GEAR)
    assert (gear["strava_id"], gear["name"], gear["asked"]) == ("g7", "Shoes g7", False)
    world.strava.change(strava_id, gear_id="g8")
    world.sync(runner, activity_id=strava_id)
    assert world.value(OF, id=strava_id) == "g8"
    world.strava.change(strava_id, gear_id=None)
    world.sync(runner, activity_id=strava_id)
    assert world.value(OF, id=strava_id) is None


@pytest.mark.parametrize("kind", ["rate_limited", "server_error", "bad_json", "not_found"])
def test_a_sync_does_not_fail_for_want_of_gear(world, kind):
    runner = world.connect()
    strava_id = add(world, "g7")
    other_id = add(world, "g8")
    world.strava.fault(kind, path="/gear/", times=1)
    assert world.sync(runner)["status"] == "SUCCEEDED"
    assert [world.value(OF, id=each) for each in (strava_id, other_id)] == ["g7", "g8"]
    asked = 1 if kind == "rate_limited" else 2  # one costs no other
    assert world.strava.requests("/gear/") == asked


OF_FILE = """INSERT INTO activities (athlete_id, source, name, sport_type, started_at, started_at_local, timezone,
    distance_m, moving_time_s, elapsed_time_s, visibility, streams_state, gear_id) VALUES (:athlete, 'FILE', 'a', 'Run',
    now(), now(), 'UTC', 1000, 300, 300, 'ONLY_ME', 'ABSENT', :gear)"""


def of_file(world, runner: int, name: str) -> None:
    world.write(
        "INSERT INTO gear (athlete_id, name) VALUES (:athlete, :name)", athlete=runner, name=name
    )
    gear = world.value("SELECT id FROM gear WHERE name = :name", name=name)
    world.write(OF_FILE, athlete=runner, gear=gear)


def test_stravas_gear_takes_the_place_of_that_of_files_with_its_name(world):
    runner = world.connect()
    for name in ("shoes G7", "Others"):
        of_file(world, runner, name)
    add(world, "g7")
    world.sync(runner)
    named = "SELECT strava_id, name FROM gear ORDER BY 2"
    assert [tuple(each.values()) for each in world.rows(named)] == [
        (None, "Others"),
        ("g7", "Shoes g7"),
    ]
    moved = """SELECT count(*) FROM athlete_changes JOIN activities a ON a.id = ANY (activity_ids)
        WHERE of_athlete AND source = 'FILE'"""
    assert world.value(moved) == 1
    of = "SELECT g.name FROM activities a JOIN gear g ON g.id = gear_id WHERE source = 'FILE' ORDER BY 1"
    assert [each["name"] for each in world.rows(of)] == ["Others", "Shoes g7"]


def test_gear_of_files_survives_the_erasure_of_stravas_data(world):
    runner = world.connect()
    of_file(world, runner, "Shoes g7")
    add(world, "g7")
    add(world, "g8")
    world.sync(runner)
    world.work(world.create(runner, kind="ERASE_ATHLETE"))
    assert world.rows(GEAR) == [
        {"strava_id": None, "name": "Shoes g7", "retired": False, "stated_distance_m": None, "asked": False}
    ]  # fmt: skip
    assert world.value("SELECT count(*) FROM activities WHERE gear_id IS NOT NULL") == 1


def test_erasing_an_athlete_erases_the_gear(world):
    runner = world.connect()
    add(world, "g7")
    world.sync(runner)
    world.work(world.create(runner, kind="ERASE_ATHLETE"))
    assert world.rows(GEAR) == []
