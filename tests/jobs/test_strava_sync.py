"""The sync against the simulated Strava, attempt by attempt in this process."""

import pytest

from tests.jobs.few_runs import first_runs
from tests.jobs.simulated import simulated_strava


@pytest.fixture
def strava(request, tmp_path):
    """With all 48 demo runs, or as many as a test asks for: each takes 0.05 s of CPU."""
    number = getattr(request, "param", 48)
    with simulated_strava(runs=first_runs(number, tmp_path)) as simulated:
        yield simulated


def runs(number):
    return pytest.mark.parametrize("strava", [number], indirect=True, ids=[f"{number}-runs"])


def test_demo_runs_are_synced_and_a_second_sync_changes_nothing(world):
    runner = world.connect()
    world.strava.forget_requests()
    job = world.sync(runner)
    assert world.strava.requests("/streams") == 48
    # 20 + 19 + 9 activities, each page after the first repeating one, then one that is only the
    # repeated, then none.
    assert world.strava.requests("/athlete/activities") == 5
    assert (job["status"], job["error_message"]) == ("SUCCEEDED", None)
    counters = (
        "activities_created",
        "activities_updated",
        "activities_deleted",
        "progress_done",
        "progress_total",
    )
    assert [job[name] for name in counters] == [48, 0, 0, 48, 48]
    bests = world.value("SELECT count(*) FROM personal_bests WHERE is_current")
    assert job["personal_bests_changed"] == bests > 5
    before = world.derived()
    assert all(activity["streams_state"] == "STORED" for activity in before["activities"])
    assert all(effort["age_grade_percent"] for effort in before["efforts"])

    again = world.sync(runner)

    assert [again[name] for name in (*counters, "personal_bests_changed")] == [0, 0, 0, 0, 0, 0]
    assert world.derived() == before


def test_an_incremental_sync_stops_at_known_ground_once_the_history_is_complete(world):
    runner = world.connect()
    world.sync(runner)
    new = world.strava.add(streams=even_track(3000, 1000))
    world.strava.forget_requests()
    job = world.sync(runner)
    assert job["activities_created"] == 1
    assert (world.strava.requests("/athlete/activities"), world.strava.requests("/streams")) == (
        2,
        1,
    )
    assert (
        world.value("SELECT streams_state FROM activities WHERE strava_id = :id", id=new)
        == "STORED"
    )
    world.write("UPDATE strava_connections SET history_complete_at = NULL")
    world.strava.forget_requests()
    world.sync(runner)
    assert world.strava.requests("/athlete/activities") == 5
    assert world.value("SELECT history_complete_at IS NOT NULL FROM strava_connections")


@runs(4)
def test_activities_that_share_a_second_beyond_a_page_are_all_met(world):
    runner = world.connect(strava_athlete=1001)
    for _ in range(50):
        world.strava.add(start_date="2021-12-24T10:00:00Z", sport_type="Ride")
    assert world.sync(runner)["activities_created"] == 54


@runs(2)
def test_one_activity_is_synced_or_deleted_by_its_id(world):
    runner = world.connect()
    one, other = (activity["id"] for activity in world.strava.activities()[:2])
    assert world.sync(runner, activity_id=one)["activities_created"] == 1
    assert world.value("SELECT streams_state FROM activities") == "STORED"
    assert world.value("SELECT last_synced_at FROM strava_connections") is None
    assert world.sync(runner, activity_id=other)["activities_created"] == 1
    world.strava.delete(one)
    assert world.sync(runner, activity_id=one)["activities_deleted"] == 1
    assert world.rows("SELECT strava_id FROM activities") == [{"strava_id": other}]


@runs(12)
@pytest.mark.parametrize("page_size", [2, 100])
def test_a_range_is_of_days_at_the_athletes_place(world, page_size):
    world.settings = world.settings.model_copy(update={"strava_page_size": page_size})
    runner = world.connect()
    days = sorted({activity["start_date_local"][:10] for activity in world.strava.activities()})
    job = world.sync(runner, since=days[3], until=days[7])
    wanted = [
        a["id"]
        for a in world.strava.activities()
        if days[3] <= a["start_date_local"][:10] <= days[7]
    ]
    assert job["activities_created"] == len(wanted)
    assert {row["strava_id"] for row in world.rows("SELECT strava_id FROM activities")} == set(
        wanted
    )
    world.strava.delete(wanted[0])
    world.sync(runner)
    assert world.sync(runner, mode="FULL", since=days[4])["activities_deleted"] == (wanted[0] and 1)


def even_track(distance_m: int, elapsed_s: int) -> dict:
    """A run at one pace, a sample every 10 s."""
    times = list(range(0, elapsed_s + 1, 10))
    return {"time": times, "distance": [round(distance_m * t / elapsed_s, 1) for t in times]}
