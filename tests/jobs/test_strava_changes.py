"""What a sync makes of changes at Strava, and of a Strava that lacks something."""

from tests.jobs.few_runs import RUNS, strava  # noqa: F401 - the fixture
from tests.jobs.test_strava_sync import even_track


def test_an_unreadable_activity_is_told_and_the_rest_synced(world):
    runner = world.connect()
    world.strava.add(start_date="2021-12-24T10:00:00Z", distance="far")
    job = world.sync(runner)
    assert (job["status"], job["activities_created"]) == ("SUCCEEDED", RUNS)
    assert job["progress_message"] == "1 activity could not be read"


def test_edits_are_followed_and_an_exclusion_is_kept(world):
    runner = world.connect()
    world.sync(runner)
    best = world.one("SELECT p.id, a.strava_id FROM personal_bests p JOIN activities a ON a.id = p.activity_id "
                     "WHERE p.distance = 'KM5' AND p.is_current")  # fmt: skip
    world.write("UPDATE best_efforts SET excluded = true WHERE id = :id", id=best["id"])
    world.strava.forget_requests()
    world.strava.change(best["strava_id"], name="Race day")

    job = world.sync(runner, mode="FULL")

    assert (
        job["activities_updated"],
        job["progress_total"],
        world.strava.requests("/streams"),
    ) == (1, 1, 0)
    effort = world.one("SELECT excluded, counts FROM best_efforts WHERE id = :id", id=best["id"])
    assert effort == {"excluded": True, "counts": False}
    assert (
        world.value("SELECT name FROM activities WHERE strava_id = :id", id=best["strava_id"])
        == "Race day"
    )
    assert (
        world.value("SELECT id FROM personal_bests WHERE distance = 'KM5' AND is_current")
        != best["id"]
    )


def test_a_run_that_turns_out_to_be_a_ride_or_is_flagged_loses_its_efforts(world):
    runner = world.connect()
    world.sync(runner)
    ids = world.rows("SELECT DISTINCT a.strava_id FROM personal_bests p JOIN activities a ON a.id = p.activity_id "
                     "WHERE p.is_current ORDER BY 1 LIMIT 2")  # fmt: skip
    ride, flagged = (row["strava_id"] for row in ids)
    world.strava.change(ride, sport_type="Ride")
    world.strava.change(flagged, flagged=True)

    job = world.sync(runner, mode="FULL")

    assert job["activities_updated"] == 2
    assert job["personal_bests_changed"] > 0
    states = world.rows(
        "SELECT streams_state FROM activities WHERE strava_id IN (:a, :b) ORDER BY 1",
        a=ride,
        b=flagged,
    )
    assert [row["streams_state"] for row in states] == ["STORED", "UNWANTED"]
    assert not world.rows("SELECT e.id FROM best_efforts e JOIN activities a ON a.id = e.activity_id "
                          "WHERE a.strava_id IN (:a, :b)", a=ride, b=flagged)  # fmt: skip
    world.strava.change(ride, sport_type="Run")
    world.strava.change(flagged, flagged=False)
    world.sync(runner, mode="FULL")
    assert world.value("SELECT count(*) FROM activities WHERE streams_state = 'STORED'") == RUNS
    assert world.value("SELECT count(DISTINCT activity_id) FROM best_efforts") == RUNS


def test_an_exclusion_outlives_efforts_that_go_and_come_back(world):
    runner = world.connect()
    strava_id = world.strava.add(
        streams=even_track(10_500, 3150), start_date="2021-12-24T10:00:00Z"
    )
    distance_m = next(
        each["distance"] for each in world.strava.activities() if each["id"] == strava_id
    )
    world.sync(runner)
    of_run = "FROM best_efforts e JOIN activities a ON a.id = e.activity_id WHERE a.strava_id = :id"
    excluded = f"SELECT distance {of_run} AND e.excluded ORDER BY distance"

    def found() -> list[str]:
        assert world.sync(runner, mode="FULL")["status"] == "SUCCEEDED"
        return [row["distance"] for row in world.rows(excluded, id=strava_id)]

    world.write(
        "UPDATE best_efforts SET excluded = true WHERE distance IN ('KM5', 'KM10') AND activity_id = "
        "(SELECT id FROM activities WHERE strava_id = :id)",
        id=strava_id,
    )
    world.strava.change(strava_id, sport_type="Ride")
    assert (found(), world.value(f"SELECT count(*) {of_run}", id=strava_id)) == ([], 0)
    world.strava.change(strava_id, sport_type="Run")
    assert found() == ["KM10", "KM5"]
    world.strava.change(strava_id, distance=9_000.0)  # the whole is no 10 km any more
    assert found() == ["KM5"]
    # the athlete restores one meanwhile
    world.write("UPDATE best_efforts SET excluded = false WHERE distance = 'KM5'")
    world.strava.change(strava_id, distance=distance_m)
    assert found() == ["KM10"]
    assert world.rows("SELECT * FROM kept_choices") == []


def test_a_sport_and_fields_that_strava_adds_later_cost_nothing(world):
    new = {"sport_type": "Hovercraft", "type": "Hovercraft", "new_field": {"of": ["some", "kind"]}}
    strava_id = world.strava.add(streams=even_track(5000, 1500), **new)
    job = world.sync(world.connect())
    assert (job["status"], job["activities_created"]) == ("SUCCEEDED", RUNS + 1)
    stored = "SELECT sport_type, streams_state FROM activities WHERE strava_id = :id"
    assert world.rows(stored, id=strava_id) == [
        {"sport_type": "Hovercraft", "streams_state": "UNWANTED"}
    ]
    assert world.rows("SELECT * FROM sync_problems") == []
    assert world.value("SELECT count(DISTINCT activity_id) FROM best_efforts") == RUNS


def test_a_cropped_run_is_fetched_again(world):
    runner = world.connect()
    world.sync(runner)
    world.strava.forget_requests()
    world.strava.change(world.strava.activities()[0]["id"], distance=1234.5)
    world.sync(runner)
    assert world.strava.requests("/streams") == 1


def test_a_full_sync_deletes_what_strava_has_no_more(world):
    runner = world.connect()
    world.sync(runner)
    gone = world.rows("SELECT DISTINCT a.strava_id FROM personal_bests p JOIN activities a ON a.id = p.activity_id "
                      "WHERE NOT p.is_current ORDER BY 1 LIMIT 3")  # fmt: skip
    for row in gone:
        world.strava.delete(row["strava_id"])
    assert world.sync(runner)["activities_deleted"] == 0

    job = world.sync(runner, mode="FULL")

    assert (job["status"], job["activities_deleted"]) == ("SUCCEEDED", 3)
    assert world.value("SELECT count(*) FROM activities") == RUNS - 3
    assert (
        world.value(
            "SELECT count(*) FROM personal_bests WHERE (previous_id IS NULL) <> (improvement_s IS NULL)"
        )
        == 0
    )


def test_a_failing_strava_deletes_nothing(world):
    runner = world.connect()
    world.sync(runner)
    missing = world.strava.activities()[3]["id"]
    world.strava.delete(missing)
    world.strava.fault("server_error", path=rf"/activities/{missing}$", times=None)
    job = world.sync(runner, mode="FULL")
    assert (job["status"], job["activities_deleted"]) == ("WAITING", 0)
    assert world.value("SELECT count(*) FROM activities") == RUNS


def test_private_runs_stay_when_the_grant_no_longer_shows_them(world):
    private = world.strava.activities()[0]["id"]
    world.strava.change(private, visibility="only_me", private=True)
    runner = world.connect()
    world.sync(runner)
    world.grant(runner, scopes=["read", "activity:read"])
    job = world.sync(runner, mode="FULL")
    assert (job["status"], job["activities_deleted"]) == ("SUCCEEDED", 0)
    assert world.value("SELECT count(*) FROM activities") == RUNS


def test_a_run_that_is_hidden_is_out_of_what_others_see_long_before_the_sync_ends(world):
    runner = world.connect()
    for activity in world.strava.activities():
        world.strava.change(activity["id"], visibility="everyone", private=False)
    world.sync(runner)
    best = "SELECT p.id, a.strava_id FROM personal_bests p JOIN activities a ON a.id = p.activity_id WHERE {}"
    own = best.format("p.distance = 'KM5' AND p.is_current")
    for_others = best.format("p.distance = 'KM5' AND p.is_current_for_others")
    fastest = world.one(own)
    assert world.one(for_others) == fastest
    world.strava.change(fastest["strava_id"], visibility="only_me", private=True)
    # but its streams do not come
    world.strava.add(streams=even_track(3600, 5400), start_date="2019-05-01T10:00:00Z")
    world.strava.fault("unavailable", path="/streams", times=None)

    assert world.sync(runner, mode="FULL")["status"] == "WAITING"

    assert world.one(own) == fastest
    assert world.one(for_others)["id"] != fastest["id"]
    query = "SELECT counts, counts_for_others FROM best_efforts WHERE id = :id"
    assert world.one(query, id=fastest["id"]) == {"counts": True, "counts_for_others": False}


def test_a_run_recorded_twice_counts_once(world):
    runner = world.connect()
    world.strava.add(streams=even_track(3600, 5400), start_date="2019-05-01T10:00:00Z")
    world.strava.add(streams=even_track(3550, 5400), start_date="2019-05-01T10:00:20Z")
    world.sync(runner)
    twice = world.rows(
        "SELECT id, duplicate_of_id FROM activities WHERE started_at < '2019-06-01' ORDER BY started_at"
    )
    assert [row["duplicate_of_id"] for row in twice] == [None, twice[0]["id"]]
    efforts = world.rows(
        "SELECT DISTINCT activity_id, counts FROM best_efforts "
        "WHERE NOT implied AND activity_id IN (:a, :b) ORDER BY counts",
        a=twice[0]["id"],
        b=twice[1]["id"],
    )
    assert efforts == [
        {"activity_id": twice[1]["id"], "counts": False},
        {"activity_id": twice[0]["id"], "counts": True},
    ]


def test_without_streams_stravas_own_efforts_count_and_a_manual_entry_as_a_whole(world):
    runner = world.connect()
    without = world.strava.activities()[0]["id"]
    world.strava.fault("not_found", path=rf"/activities/{without}/streams", times=None)
    manual = world.strava.add(
        distance=5010.0, elapsed_time=1500, moving_time=1500, start_date="2018-01-01T08:00:00Z"
    )
    world.strava.forget_requests()
    world.sync(runner)
    provenance = "SELECT DISTINCT provenance FROM best_efforts e JOIN activities a ON a.id = e.activity_id WHERE strava_id = :id"
    assert world.rows(provenance, id=without) == [{"provenance": "STRAVA"}]
    assert world.rows(provenance, id=manual) == [{"provenance": "WHOLE_ACTIVITY"}]
    assert world.strava.requests(f"/activities/{manual}") == 0
    # Strava may have been wrong for a moment, so the next syncs ask for streams again.
    for asked in (2, 0):
        world.strava.forget_requests()
        world.strava.change(without, name=f"Another name, {asked}")
        world.sync(runner, mode="FULL")
        assert world.strava.requests(f"/activities/{without}") == asked
        assert world.strava.requests(f"/activities/{without}/streams") == asked
        assert world.rows(provenance, id=without) == [{"provenance": "STRAVA"}]
        world.write("UPDATE activities SET streams_retry_at = now() + interval '1 hour'")
    assert world.strava.requests(f"/activities/{manual}") == 0


def test_damaged_streams_are_no_reason_to_fail(world):
    runner = world.connect()
    world.strava.fault("bad_json", path="/streams", times=1)
    job = world.sync(runner)
    assert (job["status"], job["progress_done"]) == ("SUCCEEDED", RUNS)
    # They are asked for again before the job ends.
    assert world.value("SELECT count(*) FROM activities WHERE streams_state = 'STORED'") == RUNS
