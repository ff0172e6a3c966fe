import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from strava_simulator.synthetic import synthetic_activities

RUN_ID = 3700002101
APPLICATION = {"client_id": "4711", "client_secret": "the-app-secret"}


class Application(ThreadingHTTPServer):
    """An application's webhook: keeps the events, answers them with `statuses` in turn, then 200."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events: list[dict] = []
        self.statuses: list[int] = []
        self.verify_token = "opensesame"
        self.url = f"http://127.0.0.1:{self.server_port}/strava/webhook"

    def wait_for(self, count: int) -> list[dict]:
        deadline = time.monotonic() + 5
        while len(self.events) < count and time.monotonic() < deadline:
            time.sleep(0.01)
        assert len(self.events) == count
        return self.events


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        query = parse_qs(urlsplit(self.path).query)
        known = query["hub.verify_token"] == [self.server.verify_token] and query["hub.mode"] == [
            "subscribe"
        ]
        self._answer(200 if known else 403, {"hub.challenge": query["hub.challenge"][0]})

    def do_POST(self) -> None:
        self.server.events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer(self.server.statuses.pop(0) if self.server.statuses else 200, {})

    def _answer(self, status: int, body: dict) -> None:
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def application() -> Iterator[Application]:
    with Application() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def subscribe(strava, application, **changes):
    given = APPLICATION | {"callback_url": application.url, "verify_token": "opensesame"} | changes
    return strava.http.post("/api/v3/push_subscriptions", data=given)


def test_a_subscription_is_verified_viewed_and_deleted(strava, application):
    assert subscribe(strava, application, verify_token="wrong").status_code == 400
    assert subscribe(strava, application, callback_url="http://127.0.0.1:9/").status_code == 400
    assert subscribe(strava, application, client_secret="wrong").status_code == 400
    created = subscribe(strava, application)
    assert created.status_code == 201
    again = subscribe(strava, application)
    assert again.json()["errors"] == [
        {"resource": "PushSubscription", "field": "", "code": "already exists"}
    ]
    [viewed] = strava.http.get("/api/v3/push_subscriptions", params=APPLICATION).json()
    assert (viewed["id"], viewed["callback_url"], viewed["application_id"]) == (
        created.json()["id"],
        application.url,
        4711,
    )
    path = f"/api/v3/push_subscriptions/{viewed['id']}"
    assert [strava.http.delete(path, params=APPLICATION).status_code for _ in range(2)] == [
        204,
        404,
    ]
    assert strava.http.get("/api/v3/push_subscriptions", params=APPLICATION).json() == []


def test_changes_are_told(strava, application):
    strava.connect()
    subscription_id = subscribe(strava, application).json()["id"]
    added = strava.control("POST", "/athletes/1001/activities", json={})
    [created] = application.wait_for(1)
    assert created == {
        "object_type": "activity",
        "object_id": added["id"],
        "aspect_type": "create",
        "owner_id": 1001,
        "updates": {},
        "subscription_id": subscription_id,
        "event_time": created["event_time"],
    }
    assert abs(created["event_time"] - time.time()) < 60
    changes = {"name": "Race", "sport_type": "TrailRun", "visibility": "only_me", "flagged": True}
    strava.control("PATCH", f"/activities/{added['id']}", json=changes)
    assert application.wait_for(2)[1]["updates"] == {
        "title": "Race",
        "type": "TrailRun",
        "private": "true",
    }
    strava.control("DELETE", f"/activities/{added['id']}")
    assert application.wait_for(3)[2]["aspect_type"] == "delete"


def test_a_withdrawn_permission_is_told(strava, application):
    strava.connect()
    subscribe(strava, application)
    strava.control("POST", "/athletes/1001/deauthorize")
    [event] = application.wait_for(1)
    assert (event["object_type"], event["object_id"], event["updates"]) == (
        "athlete",
        1001,
        {"authorized": "false"},
    )


def test_three_attempts(strava, application):
    strava.connect()
    subscribe(strava, application)
    application.statuses = [500, 302, 200, 500, 500, 500, 500]
    strava.control("PATCH", f"/activities/{RUN_ID}", json={"name": "a"})
    assert len({event["event_time"] for event in application.wait_for(3)}) == 1
    strava.control("PATCH", f"/activities/{RUN_ID}", json={"name": "b"})
    application.wait_for(6)
    time.sleep(0.2)
    assert [delivery["attempts"] for delivery in strava.control("GET", "/deliveries")] == [
        [500, 302, 200],
        [500] * 3,
    ]
    assert len(application.events) == 6


def test_nothing_is_told_of_who_did_not_connect_or_what_may_not_be_seen(strava, application):
    subscribe(strava, application)
    strava.control("PATCH", f"/activities/{RUN_ID}", json={"name": "a"})
    strava.connect(scopes=["read", "activity:read"])
    strava.control(
        "POST", "/athletes/1001/activities", json={"activity": {"visibility": "only_me"}}
    )
    strava.control("POST", "/athletes/1001/activities", json={"notify": False})
    strava.control("PATCH", f"/activities/{RUN_ID}", json={"flagged": True})
    assert strava.control("GET", "/deliveries") == []


def test_events_at_will(strava, application):
    subscribe(strava, application)
    for _ in range(2):
        strava.control(
            "POST", "/events", json={"object_id": 5, "aspect_type": "update", "owner_id": 9}
        )
    assert [event["object_id"] for event in application.wait_for(2)] == [5, 5]


def test_synthetic_activities_change_too(strava, application):
    strava.connect(1002)
    subscribe(strava, application)
    activity = synthetic_activities(1002)[0]
    strava.control("PATCH", f"/activities/{activity.id}", json={"name": "New name"})
    assert application.wait_for(1)[0]["owner_id"] == 1002
