"""Each night's sync of everything finds what nobody reported."""

from datetime import UTC, datetime, timedelta

import pytest

from db.statements.strava import nightly_sync
from jobs.reconcile import Reconciler
from jobs.sync import activity_walk, unseen_activities
from tests.jobs.test_strava_sync import even_track

pytestmark = pytest.mark.whole

HOURS_AGO = "now() - interval '2 h'"
NIGHTLY = "SELECT id, status FROM jobs WHERE arguments ->> 'cause' = 'nightly' ORDER BY created_at"


@pytest.fixture
def runner(world):
    """Everything was read before this night began."""
    runner = world.connect()
    assert world.sync(runner)["status"] == "SUCCEEDED"
    yesterday(world)
    return runner


def yesterday(world) -> None:
    world.write(
        "UPDATE strava_connections SET history_walked_at = now() - interval '25 h', "
        "last_synced_at = now() - interval '1 h', night_begun_at = night_begun_at - interval '25 h'"
    )


def create(world, start: datetime, hours: float = 6, most: int = 100) -> list[int]:
    values = {"night_start": start, "night_s": hours * 3600, "most": most}
    with world.database.write() as connection:
        return [row.id for row in connection.execute(nightly_sync.create_due_jobs(), values)]


def tonight(world) -> list[int]:
    return create(world, datetime.now(UTC) - timedelta(hours=6))


def test_what_nobody_reported_is_found_in_one_night(world, runner):
    first, second, third, *_ = world.strava.activities()
    world.strava.change(first["id"], distance=4321.0, elapsed_time=1400)  # a crop
    world.strava.change(second["id"], name="Corrected", sport_type="Ride")
    world.strava.delete(third["id"])
    backdated = world.strava.add(streams=even_track(5000, 1500), start_date="2001-05-17T06:00:00Z")
    [job] = tonight(world)
    world.strava.forget_requests()
    row = world.work(job)
    assert (row["status"], row["activities_created"], row["activities_deleted"]) == (
        "SUCCEEDED",
        1,
        1,
    )
    # one page of 200, its end, the deleted one twice and in the list
    assert world.strava.requests("/athlete/activities") <= 3
    found = world.derived()
    world.write("TRUNCATE activities, sync_problems CASCADE")
    world.write("UPDATE strava_connections SET history_complete_at = NULL")
    world.sync(runner)
    assert world.derived() == found
    assert backdated in {row["strava_id"] for row in found["activities"]}


def test_it_costs_the_athletes_budget_nothing(world, runner):
    world.write("UPDATE sync_budgets SET level = 0, measured_at = now() + interval '1 h'")
    [job] = tonight(world)
    assert world.work(job)["status"] == "SUCCEEDED"


def test_there_is_one_a_night(world, runner):
    [job] = tonight(world)
    assert tonight(world) == []
    world.work(job)
    assert tonight(world) == []
    yesterday(world)
    assert len(tonight(world)) == 1


def test_one_that_failed_is_not_begun_again_this_night(world, runner):
    [job] = tonight(world)
    world.write("UPDATE jobs SET status = 'FAILED', finished_at = now(), error_code = 'INTERNAL', "
                "error_message = '', error_retryable = true WHERE id = :i", i=job)  # fmt: skip
    assert tonight(world) == []


@pytest.mark.parametrize(
    "state",
    [
        "refused_at = now()",
        "history_complete_at = NULL",
        "history_walked_at = now()",
    ],
)
def test_who_has_none(world, runner, state):
    world.write(f"UPDATE strava_connections SET {state}")
    assert tonight(world) == []


def test_a_first_import_that_failed_is_taken_up(world):
    """Strava was away for longer than a job waits."""
    runner = world.connect()
    world.settings = world.settings.model_copy(update={"job_max_attempts": 1})
    world.strava.fault("unavailable", path="/api/v3/", skip=10, times=None)
    first = world.sync(runner)
    assert (first["status"], first["error_code"]) == ("FAILED", "STRAVA_UNAVAILABLE")
    world.strava.heal()
    [job] = tonight(world)
    assert world.work(job)["status"] == "SUCCEEDED"
    assert world.value("SELECT count(*) FROM activity_streams") == 48
    assert world.value("SELECT history_complete_at FROM strava_connections")


@pytest.mark.parametrize("other", [{"cause": "problems"}, {"activity_id": 7, "since": None}])
def test_what_was_synced_of_some_activities_since_is_no_first_import(world, other):
    runner = world.connect()
    ended = "UPDATE jobs SET status = :s, finished_at = now() WHERE id = :i"
    failed = (
        "UPDATE jobs SET status = 'FAILED', finished_at = now(), error_code = 'INTERNAL', "
        "error_message = '', error_retryable = true WHERE id = :i"
    )
    world.write(failed, i=world.create(runner, **other))
    assert tonight(world) == []
    world.write(failed, i=world.create(runner, mode="INCREMENTAL", since=None))
    world.write(ended, s="SUCCEEDED", i=world.create(runner, **other))
    assert len(tonight(world)) == 1


def test_a_first_import_that_was_cancelled_is_not(world):
    world.cancel(world.create(world.connect()))
    assert tonight(world) == []


def test_where_the_quota_reaches_some_those_come_first_who_were_read_the_longest_ago(world):
    athletes = {hours: world.athlete() for hours in (30, 50, 40, 60)}
    for hours, athlete in athletes.items():
        world.write(
            "INSERT INTO strava_connections (athlete_id, strava_athlete_id, scopes, access_token, "
            "refresh_token, token_expires_at, history_complete_at, history_walked_at) VALUES "
            "(:a, :h, '{}', '', '', now(), now(), now() - make_interval(hours => :h))",
            a=athlete, h=hours,
        )  # fmt: skip
    start = datetime.now(UTC)

    def begun(most: int) -> set[int]:
        """Hours of those whose sync is begun at the start of the night."""
        jobs = create(world, start, most=most)
        begun = {world.job(job)["athlete_id"] for job in jobs}
        return {hours for hours, athlete in athletes.items() if athlete in begun}

    assert begun(2) == {60, 50}
    assert begun(2) == set()
    world.write("UPDATE jobs SET status = 'WAITING', waiting_until = now(), quota_until = now()")
    assert begun(2) == set()
    # One that waits for something else, such as a switch, keeps nobody back.
    world.write("UPDATE jobs SET quota_until = NULL WHERE athlete_id = :a", a=athletes[60])
    assert begun(2) == {40}
    world.write("UPDATE jobs SET status = 'SUCCEEDED', finished_at = now(), waiting_until = NULL")
    assert begun(2) == {30}


def test_a_clock_that_is_days_ahead_begins_none(world, runner):
    """Each would be over before that night, and so be begun again at once."""
    assert create(world, datetime.now(UTC) + timedelta(days=2)) == []


def test_with_a_sync_under_way_it_comes_afterwards(world, runner):
    running = world.create(runner)
    assert tonight(world) == []
    world.work(running)
    yesterday(world)
    assert len(tonight(world)) == 1


def test_athletes_are_spread_over_the_night(world):
    athletes = [world.athlete() for _ in range(400)]
    for number, athlete in enumerate(athletes):
        world.write(
            "INSERT INTO strava_connections (athlete_id, strava_athlete_id, scopes, access_token, refresh_token, "
            "token_expires_at, history_complete_at) VALUES (:a, :s, '{}', '', '', now(), now())", a=athlete, s=number,
        )  # fmt: skip
    now = datetime.now(UTC)
    assert len(create(world, now, most=1000)) <= 1  # in the first part of the night
    begun = [len(create(world, now - timedelta(hours=passed), most=1000)) for passed in range(1, 7)]
    assert sum(begun) >= 399
    assert min(begun) >= 40  # of 67 on average
    world.write("DELETE FROM jobs")
    world.write("UPDATE strava_connections SET night_begun_at = NULL")
    assert len(create(world, now - timedelta(hours=6), most=7)) == 7


def test_the_reconciler_begins_it_and_by_day_none(world, runner):
    hour = datetime.now(UTC).hour
    by_day = {"nightly_sync_hours": 1, "nightly_sync_from_utc_hour": (hour + 2) % 24}
    at_night = {"nightly_sync_hours": 24, "nightly_sync_from_utc_hour": (hour + 1) % 24}
    world.write("UPDATE strava_connections SET history_walked_at = now() - interval '49 h'")
    for changes, expected in ((by_day, 0), (at_night, None)):
        settings = world.settings.model_copy(update=changes)
        Reconciler(settings, world.database, world.redis).run_once()
        assert len(world.rows(NIGHTLY)) == expected or expected is None
    # 23 to 24 of 24 hours have passed: in 1 of 24 worlds its time has not come
    part = world.value("SELECT (id % 3600) / 3600.0 * 24 FROM strava_connections")
    if part < 23:
        assert [job["status"] for job in world.rows(NIGHTLY)] == ["QUEUED"]


def test_a_list_that_lacks_what_is_there_costs_few_requests(world, runner, monkeypatch):
    """It ends too early each time; what it lacks is neither deleted nor asked for one by one."""
    monkeypatch.setattr(unseen_activities, "MOST_UNLISTED", 3)
    before = world.derived()
    world.strava.fault("empty_list", path="/athlete/activities", times=None)
    [job] = tonight(world)
    world.strava.forget_requests()
    assert world.work(job)["status"] == "SUCCEEDED"
    assert world.derived() == before
    assert world.strava.requests("/activities/") == 4
    world.strava.heal()
    gone = world.strava.activities()[0]["id"]
    world.strava.delete(gone)
    yesterday(world)
    [job] = tonight(world)
    assert world.work(job)["activities_deleted"] == 1


def test_what_a_list_lacks_for_good_has_its_turn(world, runner, monkeypatch):
    """Each night looks at others of it, and what Strava has besides need not be walked each time."""
    monkeypatch.setattr(unseen_activities, "MOST_UNLISTED", 3)
    monkeypatch.setattr(activity_walk, "AGAIN_AFTER_S", ())
    world.strava.fault("empty_list", path="/athlete/activities", times=None)
    walked = []
    for nights in range(1, 4):
        yesterday(world)
        [job] = tonight(world)
        assert world.work(job)["status"] == "SUCCEEDED"
        found = "SELECT count(*) FROM activities WHERE seen_by_job_id IS NOT NULL"
        assert world.value(found) == 4 * nights
        walked.append(
            world.value(f"SELECT history_walked_at > {HOURS_AGO} FROM strava_connections")
        )
    assert walked == [False, False, True]
    assert world.value("SELECT count(*) FROM activities") == 48
