"""New tokens that come late hold no worker and are not lost."""

import fcntl
import os
import socket

import pytest
from sqlalchemy import text

from jobs.token_refresh import access_token
from strava.client import StravaClient
from tests.jobs.simulated import RUNNER

pytestmark = pytest.mark.whole

TOKEN = "/oauth/token"


def expired(world) -> tuple[int, dict]:
    """An athlete whose tokens have to be refreshed, and arguments of a short sync."""
    athlete_id = world.connect(RUNNER)
    world.write("UPDATE strava_connections SET token_expires_at = now()")
    world.strava.forget_requests()
    return athlete_id, {"activity_id": world.strava.activities()[0]["id"]}


def is_refused(world) -> bool:
    return world.value("SELECT refused_at IS NOT NULL FROM strava_connections")


def test_a_pair_that_is_issued_after_the_timeout_is_saved(world):
    athlete_id, arguments = expired(world)
    world.strava.fault("late", path=TOKEN, delay_s=4)
    world.settings = world.settings.model_copy(update={"strava_timeout_s": 0.5})
    job = world.sync(athlete_id, **arguments)
    is_refreshing = "SELECT refreshing_until IS NOT NULL FROM strava_connections"
    assert world.value(is_refreshing), "the job did not wait for it"
    assert (job["status"], job["failures"]) == ("WAITING", 1)
    world.until(lambda: not world.value(is_refreshing))
    world.write("UPDATE jobs SET status = 'QUEUED', waiting_until = NULL")
    assert world.work(job["id"])["status"] == "SUCCEEDED"
    assert world.strava.requests(TOKEN) == 1
    assert not is_refused(world)


def test_who_needs_it_meanwhile_waits_and_asks_no_second_time(world):
    athlete_id, arguments = expired(world)
    world.strava.fault("late", path=TOKEN, delay_s=3)
    world.settings = world.settings.model_copy(update={"strava_timeout_s": 0.2})
    job = world.sync(athlete_id, **arguments)
    world.write("UPDATE jobs SET status = 'QUEUED', waiting_until = NULL")
    assert world.work(job["id"])["status"] == "WAITING"
    world.settings = world.settings.model_copy(update={"strava_timeout_s": 10})
    world.write("UPDATE jobs SET status = 'QUEUED', waiting_until = NULL")
    assert world.work(job["id"])["status"] == "SUCCEEDED"
    assert world.strava.requests(TOKEN) == 1


def test_a_job_is_cancelled_while_its_tokens_are_refreshed_and_the_pair_is_saved(world):
    athlete_id, arguments = expired(world)
    world.strava.fault("late", path=TOKEN, delay_s=8)
    world.start_workers(1)
    job_id = world.enqueue(world.create(athlete_id, **arguments))
    world.until(lambda: world.strava.requests(TOKEN))
    world.cancel(job_id)
    world.await_job(job_id, "CANCELLED", within_s=7)
    again = world.enqueue(world.create(athlete_id, **arguments))
    world.await_job(again, "SUCCEEDED")
    assert world.strava.requests(TOKEN) == 1


def test_the_pair_is_saved_although_its_worker_is_killed(world):
    athlete_id, arguments = expired(world)
    world.strava.fault("late", path=TOKEN, delay_s=2)
    workers = world.start_workers(1)
    world.enqueue(world.create(athlete_id, **arguments))
    world.until(lambda: world.strava.requests(TOKEN))
    workers.kill()  # and waits for the refresh, too
    world.write("UPDATE jobs SET status = 'QUEUED', lease_until = NULL")
    [job] = world.rows("SELECT id FROM jobs")
    assert world.work(job["id"])["status"] == "SUCCEEDED"
    assert world.strava.requests(TOKEN) == 1


def test_a_refresh_holds_nothing_of_the_process_that_started_it(world, tmp_path):
    """Else a killed run's home, its port or its log would be in use until Strava answers."""
    athlete_id, arguments = expired(world)
    world.strava.fault("late", path=TOKEN, delay_s=3)
    world.settings = world.settings.model_copy(update={"strava_timeout_s": 0.2})
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    listener = socket.create_server(("127.0.0.1", 0))
    reading, writing = os.pipe()
    for each in (lock, listener.fileno(), writing):
        os.set_inheritable(each, True)
    assert world.sync(athlete_id, **arguments)["status"] == "WAITING"
    os.close(lock)
    os.close(writing)
    port = listener.getsockname()[1]
    listener.close()
    again = os.open(tmp_path / "lock", os.O_RDWR)
    fcntl.flock(again, fcntl.LOCK_EX | fcntl.LOCK_NB)
    os.close(again)
    os.set_blocking(reading, False)
    assert os.read(reading, 1) == b""  # its end
    os.close(reading)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    is_refreshing = "SELECT refreshing_until IS NOT NULL FROM strava_connections"
    assert world.value(is_refreshing)
    world.until(lambda: not world.value(is_refreshing))


def test_a_refresh_locks_nothing(world):
    athlete_id, arguments = expired(world)
    world.strava.fault("late", path=TOKEN, delay_s=1)
    world.settings = world.settings.model_copy(update={"strava_timeout_s": 0.3})
    world.sync(athlete_id, **arguments)
    with world.database.write() as connection:
        connection.execute(text("SELECT id FROM strava_connections FOR UPDATE NOWAIT"))
    open_for_long = (
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' "
        "AND application_name = 'pacegraph-refresh'"
    )
    assert world.value(open_for_long) == 0


@pytest.mark.parametrize(
    "kind", ["unauthorized", "bad_json", "forbidden_page", "not_found_page", "unavailable"]
)
def test_one_bad_answer_to_a_refresh_refuses_nobody(world, kind):
    """The first answer is not of Strava's token page, so the old refresh token still works."""
    athlete_id, arguments = expired(world)
    world.strava.fault(kind, path=TOKEN, times=1)
    job = world.sync(athlete_id, **arguments)
    if job["status"] == "WAITING":
        world.write("UPDATE jobs SET status = 'QUEUED', waiting_until = NULL")
        job = world.work(job["id"])
    assert job["status"] == "SUCCEEDED"
    assert not is_refused(world)


def test_an_answer_that_broke_off_is_asked_for_again_before_the_athlete_has_to_connect(world):
    """The pair is spent and its successor unread: no application can save it."""
    athlete_id, arguments = expired(world)
    world.strava.fault("cut", path=TOKEN, times=1)
    job = world.sync(athlete_id, **arguments)
    assert (job["status"], is_refused(world)) == ("WAITING", False)
    world.write("UPDATE jobs SET status = 'QUEUED', waiting_until = NULL")
    job = world.work(job["id"])
    assert (job["status"], job["error_code"]) == ("FAILED", "STRAVA_UNAUTHORIZED")
    assert is_refused(world)
    assert world.strava.requests(TOKEN) == 3  # refused twice
    world.grant(athlete_id)
    assert world.sync(athlete_id, **arguments)["status"] == "SUCCEEDED"


def test_a_refresh_does_not_overwrite_a_new_connection(world):
    athlete_id, _ = expired(world)
    with StravaClient.from_settings(world.settings) as client:
        old = client.refresh

        def connect_meanwhile(token):
            pair = old(token)
            world.grant(athlete_id)
            return pair

        client.refresh = connect_meanwhile
        token = access_token(world.database, client, world.keys, athlete_id)
        assert client.athlete(token).strava_id == RUNNER
    row = world.one("SELECT * FROM strava_connections")
    assert world.keys.decrypt(row["access_token"]) == token
