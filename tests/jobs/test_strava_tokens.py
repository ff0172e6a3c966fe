"""Refreshing tokens: under a lock, stored before use."""

import threading
import time
from datetime import timedelta
from multiprocessing import active_children

import pytest

from db.statements.strava import strava_connection
from jobs.strava_tokens import StravaNotConnected
from jobs.token_refresh import TokenRefresh, access_token
from runtime.clock import utc_now
from strava.client import StravaClient
from strava.errors import StravaUnauthorized, StravaUnavailable
from tests.jobs.clocks import clock_ahead
from tests.jobs.few_runs import strava  # noqa: F401 - the fixture
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.whole


@pytest.fixture
def client(world):
    with StravaClient.from_settings(world.settings) as client:
        yield client


def expire(world) -> None:
    world.write("UPDATE strava_connections SET token_expires_at = now() + interval '4 minutes'")


def test_a_token_that_works_is_used(world, client):
    runner = world.connect()
    world.strava.forget_requests()
    token = access_token(world.database, client, world.keys, runner)
    assert token.get_secret_value()
    assert world.strava.requests() == 0


def test_of_many_that_need_a_token_one_refreshes(world, client):
    runner = world.connect()
    expire(world)
    world.strava.forget_requests()
    world.strava.fault("slow", path="/oauth/token", delay_s=0.3)
    got = []
    threads = [
        threading.Thread(
            target=lambda: got.append(access_token(world.database, client, world.keys, runner))
        )
        for _ in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 6
    assert len({token.get_secret_value() for token in got}) == 1
    assert world.strava.requests("/oauth/token") == 1
    assert client.athlete(got[0]).strava_id == 1001


def test_a_refresh_whose_process_died_is_taken_over(world, client):
    runner = world.connect()
    expire(world)
    spent = world.one("SELECT access_token AS unusable, 0.5 AS limit_s FROM strava_connections")
    with world.database.write() as connection:
        assert connection.execute(strava_connection.begin_refresh(), {"athlete": runner, **spent})
    world.strava.forget_requests()
    began = time.monotonic()
    assert access_token(world.database, client, world.keys, runner)
    assert 0.4 < time.monotonic() - began < 5
    assert world.strava.requests("/oauth/token") == 1


def test_workers_that_refresh_at_once_all_succeed(world):
    """Two jobs of one athlete in two workers, both with an expired token."""
    runner = world.connect()
    expire(world)
    world.start_workers(2)
    world.strava.fault("slow", path="/oauth/token", delay_s=0.3)
    with world.strava.door.shut("/oauth/revoke"):  # else the sync may lose its token, as it should
        sync = world.create(runner)
        world.enqueue(sync)
        disconnect = world.create(runner, "STRAVA_DISCONNECT")
        world.enqueue(disconnect)
        world.await_job(sync, "SUCCEEDED")
    world.await_job(disconnect, "SUCCEEDED")
    assert world.strava.requests("/oauth/token") == 2  # the first exchange, and one refresh


def test_a_token_that_ended_early_is_refreshed_once(world):
    runner = world.connect()
    world.strava.control("POST", "/athletes/1001/tokens/expire")
    assert world.sync(runner)["status"] == "SUCCEEDED"
    assert world.strava.requests("/oauth/token") == 2


def test_the_pair_is_stored_encrypted(world, client):
    runner = world.connect()
    expire(world)
    token = access_token(world.database, client, world.keys, runner)
    row = world.one("SELECT * FROM strava_connections")
    assert world.keys.decrypt(row["access_token"]) == token
    for name in ("access_token", "refresh_token"):
        assert token.get_secret_value().encode() not in bytes(row[name])


def test_without_a_connection_there_is_no_token(world, client):
    with pytest.raises(StravaNotConnected):
        access_token(world.database, client, world.keys, world.athlete())


def test_a_refusal_that_the_job_has_heard_is_not_asked_for_again(world, client):
    """The attempt that heard it may have died since."""
    runner, since = world.connect(), world.value("SELECT now()")
    world.strava.control("POST", "/athletes/1001/deauthorize")
    expire(world)
    world.strava.forget_requests()
    for _ in range(2):
        with pytest.raises(StravaUnauthorized, match="refresh token"):
            access_token(world.database, client, world.keys, runner, since=since)
    assert world.strava.requests("/oauth/token") == 2  # both of the first time
    world.grant(runner)
    assert access_token(world.database, client, world.keys, runner, since=since)


def test_a_token_that_strava_does_not_replace_is_used_again(world, monkeypatch):
    """Strava answers a refresh with the same pair while that has more than an hour left."""
    runner = world.connect()
    row = world.one("SELECT access_token, refresh_token FROM strava_connections")
    same = {name: world.keys.decrypt(each).get_secret_value() for name, each in row.items()}
    told = {"token_type": "Bearer", "expires_at": int(time.time()) + 9000, "expires_in": 9000}
    monkeypatch.setattr(type(world.strava._state.tokens), "refresh", lambda *_: {**told, **same})
    world.strava.fault("unauthorized", path="/athlete/activities", times=1)
    world.strava.forget_requests()
    assert world.sync(runner)["status"] == "SUCCEEDED"
    assert world.strava.requests("/oauth/token") == 1


def test_a_clock_that_is_hours_ahead_refreshes_once(world):
    runner = world.connect()
    world.strava.forget_requests()
    with clock_ahead(timedelta(hours=7)):
        assert world.sync(runner)["status"] == "SUCCEEDED"
    assert world.strava.requests("/oauth/token") == 1


def test_a_refresh_that_is_killed_is_told_to_who_waits(world):
    runner = world.connect()
    expire(world)
    world.strava.fault("slow", path="/oauth/token", delay_s=5)
    refresh = TokenRefresh(world.settings, runner, None, utc_now())
    try:
        assert not refresh.has_ended(0.1)
        [process] = [each for each in active_children() if each.name == "token refresh"]
        process.kill()
        with pytest.raises(StravaUnavailable, match="has died"):
            refresh.has_ended(PATIENCE_S)
    finally:
        refresh.leave()
