"""Gear of activities, from Strava."""

import pytest

from tests.jobs.few_runs import strava  # noqa: F401 - the fixture

GEAR = """SELECT g.strava_id, g.name, retired, stated_distance_m, asked_at IS NOT NULL AS asked
    FROM gear g ORDER BY 1"""
OF = "SELECT g.strava_id FROM activities a LEFT JOIN gear g ON g.id = gear_id WHERE a.strava_id = :id"


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
    world.sync(runner)
    assert world.strava.requests("/gear/") == 1  # what is retired is not asked for again
    assert world.rows(GEAR)[1]["name"] == "Other name"
    assert world.rows(GEAR)[1]["retired"] is True


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


def test_erasing_an_athlete_erases_the_gear(world):
    runner = world.connect()
    add(world, "g7")
    world.sync(runner)
    world.work(world.create(runner, kind="ERASE_ATHLETE"))
    assert world.rows(GEAR) == []
