"""Events of Strava's webhook, from the simulated Strava through the API's route to the rows."""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from hashlib import sha256

import httpx
import pytest
from pydantic import SecretStr

from db.statements.athletes import account as accounts
from db.statements.athletes import api_token as api_tokens
from graph.global_id import encode_id
from strava.client import StravaClient
from strava.push_subscriptions import subscribe
from tests.conftest import SECRETS
from tests.http_server import listening
from tests.jobs.few_runs import RUNS, strava  # noqa: F401 - the fixture
from tests.jobs.simulated import RUNNER
from tests.jobs.test_strava_sync import even_track
from tests.jobs.world import World
from web import create_app
from web.webhook_address import callback_url, verify_token

SECRET = "a-secret-of-a-path-1"
JOBS = "SELECT id, status FROM jobs WHERE kind = 'STRAVA_WEBHOOK' ORDER BY created_at"
EVENTS = "SELECT object_type, object_id, tries FROM strava_events ORDER BY 1, 2"


class Webhook:
    """The simulated Strava's changes, reported to an API that runs in this process."""

    def __init__(self, world: World, url: str, services) -> None:
        self.world, self.url, self.services = world, url, services
        self.http = httpx.Client(trust_env=False, timeout=10, verify=False)
        self.callback = callback_url(world.settings, url)

    def control(self, method: str, path: str, **arguments):
        return self.world.strava.control(method, path, **arguments)

    def add(self, **fields) -> int:
        body = {"activity": fields, "streams": even_track(5000, 1500)}
        return self.control("POST", f"/athletes/{RUNNER}/activities", json=body)["id"]

    def change(self, strava_id: int, **fields) -> None:
        self.control("PATCH", f"/activities/{strava_id}", json=fields)

    def delete(self, strava_id: int) -> None:
        self.control("DELETE", f"/activities/{strava_id}")

    def event(self, **fields) -> dict:
        usual = {
            "object_type": "activity",
            "object_id": 1,
            "aspect_type": "update",
            "owner_id": RUNNER,
            "updates": {},
        }
        return usual | fields

    def post(self, body) -> httpx.Response:
        content = {"content": body} if isinstance(body, bytes) else {"json": body}
        return self.http.post(self.callback, **content)

    def delivered(self, count: int = 1) -> None:
        """Wait until Strava was told 200 for the events so far."""

        def done():
            sent = self.control("GET", "/deliveries")
            return len(sent) >= count and all(200 in each["attempts"] for each in sent)

        self.world.until(done)

    def work(self) -> list[dict]:
        """Make one attempt at each queued job of the webhook; returns their rows."""
        return [
            self.world.work(job["id"]) for job in self.world.rows(JOBS) if job["status"] == "QUEUED"
        ]

    @property
    def outcomes(self) -> dict[str, int]:
        return {
            name: count for name, count in self.services.strava_intake.outcomes.items() if count
        }


@contextmanager
def reported(world: World, **settings) -> Iterator[Webhook]:
    world.settings = world.settings.model_copy(update=settings)
    app = create_app(world.settings)
    with listening(app) as address:
        webhook = Webhook(world, f"http://{address}", app.state.services)
        with webhook.http, StravaClient.from_settings(world.settings) as client:
            subscribe(client, webhook.callback, verify_token(world.settings))
            yield webhook


@pytest.fixture
def settings(settings):
    secrets = {
        "secret_key": SecretStr(SECRETS["secret_key"]),
        "strava_webhook_secret": SecretStr(SECRET),
    }
    return settings.model_copy(update=secrets)


@pytest.fixture
def webhook(world) -> Iterator[Webhook]:
    with reported(world) as webhook:
        yield webhook


@pytest.fixture
def runner(world) -> int:
    """Connected and synced."""
    athlete_id = world.connect()
    assert world.sync(athlete_id)["status"] == "SUCCEEDED"
    return athlete_id


def named(world, strava_id: int) -> str | None:
    rows = world.rows("SELECT name FROM activities WHERE strava_id = :id", id=strava_id)
    return rows[0]["name"] if rows else None


def test_changes_are_seen_over_graphql_within_seconds(world, webhook, runner):
    token = "pacegraph_seen-over-graphql"
    with world.database.write() as connection:
        values = {"athlete_id": runner, "is_administrator": False}
        account = connection.execute(accounts.upsert(), values).one().id
        values = {
            "account_id": account,
            "name": "test",
            "hint": token[:9],
            "secret_sha256": sha256(token.encode()).digest(),
            "scopes": ["read"],
            "expires_at": None,
        }
        connection.execute(api_tokens.create(), values)
    fields = "activities(first: 1, orderBy: {field: STARTED_AT, direction: DESC}) { nodes { name visibility } }"
    query = f"query ($id: ID!) {{ athlete(id: $id) {{ {fields} }} }}"

    def newest() -> dict:
        answer = webhook.http.post(
            f"{webhook.url}/graphql",
            json={"query": query, "variables": {"id": encode_id("Athlete", runner)}},
            headers={"authorization": f"Bearer {token}"},
        ).json()
        return answer["data"]["athlete"]["activities"]["nodes"][0]

    before = newest()
    world.start_workers(1)
    strava_id = webhook.add(name="Noon run", visibility="everyone", private=False)
    world.until(lambda: newest() == {"name": "Noon run", "visibility": "EVERYONE"})
    webhook.change(strava_id, name="Evening run", visibility="only_me", private=True)
    world.until(lambda: newest() == {"name": "Evening run", "visibility": "ONLY_ME"})
    webhook.delete(strava_id)
    world.until(lambda: newest() == before)
    world.until(lambda: not world.rows(EVENTS))
    world.until(lambda: {job["status"] for job in world.rows(JOBS)} == {"SUCCEEDED"})


def test_a_webhook_derives_what_a_sync_of_the_activity_does(world, webhook, runner):
    strava_id = webhook.add(name="Fast", start_date="2021-08-01T10:00:00Z")
    webhook.delivered()
    [job] = webhook.work()
    assert (job["status"], job["activities_created"]) == ("SUCCEEDED", 1)
    assert job["personal_bests_changed"] > 0
    after = world.derived()
    world.sync(runner, activity_id=strava_id)
    world.sync(runner, mode="FULL")
    assert world.derived() == after


def test_a_burst_on_one_object_is_one_row_and_few_jobs(world, webhook, runner):
    strava_id = world.strava.activities()[0]["id"]
    world.strava.change(strava_id, name="The last name")
    with ThreadPoolExecutor(8) as threads:
        answers = threads.map(webhook.post, [webhook.event(object_id=strava_id)] * 200)
        assert {answer.status_code for answer in answers} == {200}
    assert [row["object_id"] for row in world.rows(EVENTS)] == [strava_id]
    world.strava.forget_requests()
    [job] = webhook.work()
    assert job["status"] == "SUCCEEDED"
    assert named(world, strava_id) == "The last name"
    assert world.strava.requests("/activities/") == 1
    assert (world.rows(EVENTS), len(world.rows(JOBS))) == ([], 1)
    assert webhook.outcomes == {"stored": 200}


def test_events_that_are_repeated_late_or_false_change_nothing(world, webhook, runner):
    known = world.strava.activities()
    gone = known[3]["id"]
    webhook.delete(gone)
    webhook.delivered()
    webhook.work()
    expected = world.derived()
    assert len(expected["activities"]) == len(known) - 1 == 7
    for aspect in ("create", "update", "delete", "delete"):
        for strava_id in (gone, known[5]["id"]):
            assert webhook.post(webhook.event(object_id=strava_id, aspect_type=aspect)).is_success
        webhook.work()
    assert world.derived() == expected
    assert [event["object_id"] for event in world.rows(EVENTS)] == [gone]  # it may come


def test_what_is_no_event_is_refused_and_unknown_kinds_are_ignored(world, webhook, runner):
    malformed = (b"", b"{", b"[]", b'"text"', b"[" * 100_000, b"[%b0]" % (b"0," * 20_000), {"object_type": "activity"},
                 webhook.event(object_id="1"), webhook.event(owner_id=True),
                 webhook.event(object_id=2**63))  # fmt: skip
    assert [webhook.post(each).status_code for each in malformed] == [400] * len(malformed)
    assert webhook.post(b" " * (world.settings.body_max_bytes + 1)).status_code == 413
    ignored = (
        webhook.event(object_type="segment"),
        webhook.event(aspect_type="kudos"),
        webhook.event(object_type="athlete", object_id=RUNNER, updates={"weight": "70"}),
        webhook.event(object_type="athlete", object_id=1, updates={"authorized": "false"}),
    )
    assert {webhook.post(each).status_code for each in ignored} == {200}
    unknown = webhook.event(owner_id=5_000_000, new_field={"of": ["some", "kind"]})
    assert webhook.post(unknown).status_code == 200
    assert webhook.outcomes == {"malformed": 11, "ignored": 4, "unknown_owner": 1}
    assert (world.rows(EVENTS), world.rows(JOBS)) == ([], [])


def test_only_the_secret_address_and_the_right_token_count(world, webhook, caplog):
    caplog.set_level(logging.INFO)
    plain = f"{webhook.url}/strava/webhook"
    for wrong in (plain, f"{plain}/{SECRET[:-1]}", f"{plain}/{SECRET}x"):
        assert webhook.http.post(wrong, json=webhook.event()).status_code == 404
        assert webhook.http.get(wrong).status_code == 404
    query = {"hub.mode": "subscribe", "hub.challenge": "15f7d1a91c1f40f8a748fd134752feb3"}
    right = {**query, "hub.verify_token": verify_token(world.settings)}
    answer = webhook.http.get(webhook.callback, params=right)
    assert answer.json() == {"hub.challenge": query["hub.challenge"]}
    assert answer.headers["content-type"] == "application/json"
    for wrong, status in (
        (query, 403),
        ({**query, "hub.verify_token": "é"}, 403),
        ({**right, "hub.mode": "other"}, 400),
        ({**right, "hub.challenge": ""}, 400),
    ):
        assert webhook.http.get(webhook.callback, params=wrong).status_code == status
    paths = [record.path for record in caplog.records if hasattr(record, "path")]
    assert {"/strava/webhook", "/strava/webhook/…"} == {*paths}


def test_without_a_secret_the_plain_address_takes_events(world, runner):
    with reported(world, strava_webhook_secret=None) as webhook:
        assert webhook.callback == f"{webhook.url}/strava/webhook"
        strava_id = webhook.add(name="Plain")
        webhook.delivered()
        webhook.work()
        assert named(world, strava_id) == "Plain"


def test_a_revoked_access_is_proved_and_erases(world, webhook, runner):
    false = webhook.event(object_type="athlete", object_id=RUNNER, updates={"authorized": "false"})
    assert webhook.post(false).is_success
    [job] = webhook.work()
    assert job["status"] == "SUCCEEDED"
    assert world.value("SELECT count(*) FROM activities") == RUNS  # Strava still takes the tokens

    world.start_workers(1)
    webhook.control("POST", f"/athletes/{RUNNER}/deauthorize")
    world.until(lambda: world.value("SELECT count(*) FROM strava_connections") == 0)
    world.until(lambda: world.value("SELECT count(*) FROM activities") == 0)
    assert world.value("SELECT count(*) FROM personal_bests") == 0
    assert world.rows(EVENTS) == []
    erased = world.one("SELECT id FROM jobs WHERE kind = 'ERASE_ATHLETE'")
    world.await_job(erased["id"], "SUCCEEDED")


def test_events_of_a_disconnected_athlete_are_dropped(world, webhook, runner):
    assert webhook.post(webhook.event()).is_success
    assert world.rows(EVENTS)
    assert world.work(world.create(runner, "STRAVA_DISCONNECT"))["status"] == "SUCCEEDED"
    assert world.rows(EVENTS) == []
    stored = webhook.outcomes["stored"]  # one more where Strava's report came before the end
    assert webhook.post(webhook.event()).is_success
    assert webhook.outcomes["stored"] == stored
    assert webhook.outcomes["unknown_owner"] >= 1  # Strava reports the end of the access, too
    assert world.rows(JOBS)[0]["status"] == "CANCELLED"
    assert all(job["status"] == "SUCCEEDED" for job in webhook.work())  # of that report
    assert world.value("SELECT count(*) FROM activities") == RUNS


def test_the_end_that_pacegraph_asked_for_itself_keeps_the_data(world, webhook, runner):
    disconnect = world.create(runner, "STRAVA_DISCONNECT")
    webhook.control("POST", f"/athletes/{RUNNER}/deauthorize")
    webhook.delivered()
    assert [row["object_type"] for row in world.rows(EVENTS)] == ["athlete"]
    assert [job["status"] for job in webhook.work()] == ["SUCCEEDED"]
    assert world.work(disconnect)["status"] == "SUCCEEDED"
    assert world.value("SELECT count(*) FROM activities") == RUNS
    assert world.rows("SELECT id FROM jobs WHERE kind = 'ERASE_ATHLETE'") == []


def test_an_activity_that_fails_keeps_its_event_and_the_others_are_applied(world, webhook, runner):
    bad, good = (activity["id"] for activity in world.strava.activities()[:2])
    world.strava.fault("server_error", path=rf"/activities/{bad}$", times=None)
    webhook.change(bad, name="Bad")
    webhook.change(good, name="Good")
    webhook.delivered(2)
    [job] = webhook.work()
    assert (job["status"], named(world, good)) == ("SUCCEEDED", "Good")
    assert world.value("SELECT message FROM job_problems").startswith("Strava does not answer")
    assert [row["object_id"] for row in world.rows(EVENTS)] == [bad]
    webhook.change(good, name="Better")
    webhook.delivered(3)
    webhook.work()
    assert named(world, good) == "Better"
    assert [row["object_id"] for row in world.rows(EVENTS)] == [bad]

    world.strava.heal()
    world.write("UPDATE strava_events SET due_at = now()")
    world.start_workers(1)  # the reconciler creates a job
    world.until(lambda: named(world, bad) == "Bad")
    world.until(lambda: not world.rows(EVENTS))


def test_while_strava_is_away_the_job_waits_and_goes_on(world, webhook, runner):
    strava_id = world.strava.activities()[0]["id"]
    webhook.change(strava_id, name="After the outage")
    webhook.delivered()
    world.strava.fault("unavailable", path="/api/v3", times=None)
    [job] = webhook.work()
    assert (job["status"], job["failures"]) == ("WAITING", 1)
    world.strava.heal()
    world.write("UPDATE jobs SET waiting_until = now() WHERE id = :id", id=job["id"])
    world.start_workers(1)
    world.until(lambda: named(world, strava_id) == "After the outage")
    world.until(lambda: not world.rows(EVENTS))


def test_an_activity_that_another_athlete_owns_is_not_taken_over(world, webhook, runner):
    other = world.strava.activities(1002)[0]["id"]
    with world.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE strava_connections SET strava_athlete_id = 1002 WHERE athlete_id = %s",
            (runner,),
        )
    own = world.strava.activities()[0]["id"]  # the tokens still show it
    before = world.derived()
    for strava_id in (own, other):
        assert webhook.post(webhook.event(object_id=strava_id, owner_id=1002)).is_success
    world.write("DELETE FROM activities WHERE strava_id = :id", id=own)
    assert [job["status"] for job in webhook.work()] == ["SUCCEEDED"]
    assert len(world.derived()["activities"]) == len(before["activities"]) - 1


def test_events_told_while_a_sync_runs_are_looked_at_once_more(world, webhook, runner):
    strava_id = world.strava.activities()[0]["id"]
    sync = world.create(runner)
    world.write(
        "UPDATE jobs SET status = 'RUNNING', lease_until = now() + interval '1 h' WHERE id = :id",
        id=sync,
    )
    webhook.change(strava_id, name="New")
    webhook.delivered()
    webhook.work()
    assert named(world, strava_id) == "New"
    event = "SELECT is_second_look, due_at > now() AS later FROM strava_events"
    assert world.rows(event) == [{"is_second_look": True, "later": True}]
    # the page that the sync had read before the change
    world.write("UPDATE activities SET name = 'Old' WHERE strava_id = :id", id=strava_id)
    world.write("UPDATE strava_events SET due_at = now()")
    assert world.work(world.create(runner, "STRAVA_WEBHOOK"))["status"] == "SUCCEEDED"
    assert (named(world, strava_id), world.rows(event)) == ("New", [])


def test_a_killed_worker_ends_equal(world, webhook, runner):
    changed, gone = (activity["id"] for activity in world.strava.activities()[:2])
    world.strava.fault("slow", path="/activities/", times=None, delay_s=0.4)
    workers = world.start_workers(1)
    webhook.change(changed, name="Changed", distance=4321.0)
    webhook.delete(gone)
    new = webhook.add(name="New", start_date="2021-08-01T10:00:00Z")
    for seen in (f"/activities/{changed}", f"/activities/{new}/streams"):
        world.until(lambda seen=seen: world.strava.requests(seen) and workers.horses())
        for horse in workers.horses():
            horse.kill()
    world.strava.heal()
    world.until(lambda: not world.rows(EVENTS))
    world.until(lambda: {job["status"] for job in world.rows(JOBS)} == {"SUCCEEDED"})
    assert named(world, gone) is None
    ended = world.derived()
    assert (named(world, changed), named(world, new)) == ("Changed", "New")
    workers.end()  # the next job is this process's
    world.write("TRUNCATE activities CASCADE")
    world.write("UPDATE strava_connections SET history_complete_at = NULL")
    assert world.sync(runner, mode="FULL")["status"] == "SUCCEEDED"
    assert world.derived() == ended


def test_away_postgresql_makes_strava_repeat(world, webhook, runner):
    webhook.services.strava_intake._database = type(webhook.services.database)(
        world.settings.model_copy(
            update={"database_url": SecretStr("postgresql://nobody@127.0.0.1:1/none")}
        ),
        application_name="away",
    )
    assert webhook.post(webhook.event()).status_code == 503
    assert webhook.outcomes == {"not_stored": 1}
