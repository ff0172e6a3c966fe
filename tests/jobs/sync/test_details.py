"""Details of activities: what only Strava's detailed activity tells."""

import pytest

from tests.jobs.few_runs import RUNS, strava  # noqa: F401 - the fixture

DETAILS = "SELECT description, device_name, calories_kcal, is_race, trainer FROM activities WHERE strava_id = :id"
LAPS = """SELECT lap_number, start_offset_s, l.elapsed_time_s, l.moving_time_s, l.distance_m,
    l.average_heart_rate_bpm, l.athlete_id = a.athlete_id AS own
    FROM activity_laps l JOIN activities a ON a.id = activity_id WHERE strava_id = :id ORDER BY 1"""
STREAMS = {"time": list(range(0, 1001, 10)), "distance": [float(3 * t) for t in range(0, 1001, 10)]}


def lap(start: str, **fields):
    return {
        "start_date": f"2021-12-24T10:{start}Z", "elapsed_time": 320, "moving_time": 300, "distance": 1000.0,
        "average_heartrate": 151.5,
    } | fields  # fmt: skip


def add(world, **fields) -> int:
    given = {"start_date": "2021-12-24T10:00:00Z", "name": "Christmas race"} | fields
    return world.strava.add(streams=STREAMS, **given)


def limited(world, requests: int) -> None:
    world.settings = world.settings.model_copy(update={"strava_details_per_sync": requests})


@pytest.mark.parametrize("one", [True, False])
def test_a_sync_reads_the_details_and_laps_of_an_activity(world, one):
    runner = world.connect()
    laps = [
        lap("05:20", average_heartrate=None),
        lap("00:00"),
        "no lap",
        lap("00:00", distance="far"),
    ]
    strava_id = add(
        world, description=" With friends.\n", workout_type=1, trainer=True, device_name="Watch", calories=321.5,
        laps=[*laps, lap("00:00", start_date="2020-01-01T00:00:00Z")],
    )  # fmt: skip
    world.sync(runner, **({"activity_id": strava_id} if one else {}))
    assert world.one(DETAILS, id=strava_id) == {
        "description": "With friends.", "device_name": "Watch", "calories_kcal": 321.5, "is_race": True,
        "trainer": True,
    }  # fmt: skip
    usual = {"elapsed_time_s": 320, "moving_time_s": 300, "own": True}
    found = world.rows(LAPS, id=strava_id)
    assert found == [
        {"lap_number": 1, "start_offset_s": 0, "distance_m": 1000, "average_heart_rate_bpm": 151.5, **usual},
        {"lap_number": 2, "start_offset_s": 0, "distance_m": None, "average_heart_rate_bpm": 151.5, **usual},
        {"lap_number": 3, "start_offset_s": 320, "distance_m": 1000, "average_heart_rate_bpm": None, **usual},
    ]  # fmt: skip


def test_details_are_asked_for_once_and_again_with_the_recording(world):
    runner = world.connect()
    strava_id = add(world, description="First")
    world.sync(runner)
    world.strava.forget_requests()
    world.strava.change(strava_id, description="Second", name="Another name")
    world.sync(runner)
    assert world.strava.requests("/activities/") == 0
    world.strava.change(strava_id, distance=2990.0)
    world.sync(runner)
    assert world.one(DETAILS, id=strava_id)["description"] == "Second"
    world.strava.change(strava_id, description=None, laps=[])
    world.sync(runner, activity_id=strava_id)
    assert world.one(DETAILS, id=strava_id)["description"] is None
    assert world.rows(LAPS, id=strava_id) == []


def test_a_sync_asks_for_few_and_the_next_ones_go_on(world):
    runner = world.connect()
    limited(world, 3)
    for known in (3, 6, RUNS, RUNS):
        world.strava.forget_requests()
        assert world.sync(runner)["status"] == "SUCCEEDED"
        newest = "SELECT details_at IS NOT NULL AS known FROM activities ORDER BY started_at DESC"
        assert [row["known"] for row in world.rows(newest)] == [True] * known + [False] * (
            RUNS - known
        )
    assert world.strava.requests("/activities/") == 0


def test_with_0_no_details_are_asked_for(world):
    runner = world.connect()
    limited(world, 0)
    world.sync(runner)
    assert world.value("SELECT count(details_at) FROM activities") == 0


@pytest.mark.parametrize("kind", ["rate_limited", "server_error", "bad_json", "not_found"])
def test_a_sync_does_not_fail_for_want_of_details(world, kind):
    runner = world.connect()
    limited(world, 0)
    world.sync(runner)
    limited(world, 2)
    world.strava.fault(kind, path=r"/activities/[0-9]+$", times=1)
    assert world.sync(runner)["status"] == "SUCCEEDED"
    done = {"rate_limited": 0}.get(kind, 1)  # one activity costs no other
    assert world.value("SELECT count(details_at) FROM activities") == done
    later = world.value(
        "SELECT count(*) FROM activities WHERE details_retry_at > now() + interval '23 hours'"
    )
    assert later == (0 if kind == "rate_limited" else 1)
    if kind == "rate_limited":
        return  # all of Strava's quota counts as used up
    world.strava.heal()
    world.sync(runner)
    assert world.value("SELECT count(details_at) FROM activities") == done + 2


def test_where_strava_answers_for_none_the_rest_is_left(world):
    runner = world.connect()
    limited(world, 0)
    world.sync(runner)
    limited(world, 10)
    world.strava.forget_requests()
    world.strava.fault("unavailable", path=r"/activities/[0-9]+$", times=None)
    assert world.sync(runner)["status"] == "SUCCEEDED"
    later = "SELECT count(*) FROM activities WHERE details_retry_at IS NOT NULL"
    assert (world.value(later), world.value("SELECT count(details_at) FROM activities")) == (3, 0)


def test_details_that_the_quota_refuses_come_later_and_none_is_asked_for_twice(world):
    runner = world.connect()
    limited(world, 0)
    world.sync(runner)
    limited(world, 4)
    world.strava.forget_requests()
    world.strava.fault("rate_limited", path=r"/activities/[0-9]+$", skip=2, times=1)
    assert world.sync(runner)["status"] == "SUCCEEDED"
    known = "SELECT strava_id FROM activities WHERE details_at IS NOT NULL ORDER BY started_at DESC"
    assert len(world.rows(known)) == 2
    world.strava.heal()
    world.redis.flushdb()  # as if the next quarter of an hour had begun
    world.write("DELETE FROM strava_quotas")
    assert world.sync(runner)["status"] == "SUCCEEDED"
    assert world.strava.requests("/activities/") == 3 + 4
    newest = world.rows("SELECT strava_id FROM activities ORDER BY started_at DESC LIMIT 6")
    assert world.rows(known) == newest
