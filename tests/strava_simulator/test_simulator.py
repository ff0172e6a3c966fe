import json
import re
import time
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from strava.errors import StravaAthleteLimit, StravaBadData, StravaNotFound
from strava.stream_payload import read_answer
from strava_simulator import RateLimits, SimulatorRunsInvalid, create_simulator
from strava_simulator.synthetic import synthetic_activities

CALLBACK = "http://127.0.0.1:9/strava/callback?from=here"
REQUEST = {
    "client_id": "4711",
    "redirect_uri": CALLBACK,
    "response_type": "code",
    "scope": "read,activity:read_all",
    "state": 'a"<b>&c',
}


def form_of(page: str) -> dict[str, str]:
    """The hidden fields of the page's form."""
    return {
        name: unescape(value)
        for name, value in re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)
    }


def answer_of(response: httpx.Response) -> dict[str, str]:
    """What the redirect tells the application."""
    assert response.status_code == 303
    assert response.headers["location"].startswith("http://127.0.0.1:9/strava/callback?")
    query = parse_qs(urlsplit(response.headers["location"]).query, keep_blank_values=True)
    return {name: value for name, [value] in query.items()}


def decide(strava, page: str, **fields):
    return strava.http.post(
        "/oauth/authorize",
        data=form_of(page) | {"decision": "authorize", "athlete_id": 1002} | fields,
    )


def test_the_athlete_may_untick_scopes(strava):
    page = strava.http.get("/oauth/authorize", params=REQUEST).text
    assert "<b>&c" not in page
    assert page.count('type="checkbox"') == 2
    assert page.count("<option") == 3
    answer = answer_of(decide(strava, page, granted=["read", "profile:write"]))
    assert answer == {
        "from": "here",
        "state": REQUEST["state"],
        "code": answer["code"],
        "scope": "read",
    }
    assert strava.client.exchange_code(answer["code"]).athlete.strava_id == 1002


def test_the_athlete_may_cancel(strava):
    page = strava.http.get("/oauth/authorize", params=REQUEST).text
    answer = answer_of(decide(strava, page, decision="cancel"))
    assert answer == {"from": "here", "state": REQUEST["state"], "error": "access_denied"}


def test_the_form_can_be_used_without_sight_or_mouse(strava):
    page = strava.http.get("/oauth/authorize", params=REQUEST).text
    assert '<html lang="en">' in page
    assert re.search(r'<label for="athlete">.+</label><select id="athlete"', page)
    assert "<fieldset><legend>" in page
    assert page.count("<label><input") == 2
    assert re.findall(r"<button [^>]*>(\w+)", page) == ["Authorize", "Cancel"]


def test_an_unknown_athlete_is_asked_for_again(strava):
    answer = decide(strava, strava.http.get("/oauth/authorize", params=REQUEST).text, athlete_id=99)
    assert answer.status_code == 400
    assert 'role="alert"' in answer.text


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "1"},
        {"redirect_uri": "javascript:alert(1)"},
        {"scope": "everything"},
        {"response_type": "token"},
    ],
)
def test_requests_the_page_refuses(strava, wrong):
    assert strava.http.get("/oauth/authorize", params=REQUEST | wrong).status_code == 400


def test_a_single_athlete_who_granted_it_all_is_not_asked_again(simulate):
    strava = simulate(athletes=1)
    assert strava.http.get("/oauth/authorize", params=REQUEST).status_code == 200
    strava.connect()
    assert (
        answer_of(strava.http.get("/oauth/authorize", params=REQUEST))["scope"]
        == "read,activity:read_all"
    )
    forced = strava.http.get("/oauth/authorize", params=REQUEST | {"approval_prompt": "force"})
    assert forced.status_code == 200


def test_the_athlete_limit(simulate):
    strava = simulate(athlete_limit=1)
    strava.connect(1001)
    strava.connect(1001)
    with pytest.raises(StravaAthleteLimit):
        strava.connect(1002)
    page = strava.http.get("/oauth/authorize", params=REQUEST).text
    refused = decide(strava, page, granted="read")
    assert refused.status_code == 403
    assert "Limit of connected athletes exceeded" in refused.text


@pytest.mark.parametrize("how", ["data", "json", "params", "multipart"])
def test_parameters_in_every_place_strava_takes_them(strava, how):
    code = strava.control("POST", "/athletes/1001/codes", json={})["code"]
    given = {
        "client_id": "4711",
        "client_secret": "the-app-secret",
        "grant_type": "authorization_code",
        "code": code,
    }
    arguments = (
        {"files": {name: (None, value) for name, value in given.items()}}
        if how == "multipart"
        else {how: given}
    )
    answer = strava.http.post("/api/v3/oauth/token", **arguments)
    assert answer.status_code == 200
    assert set(answer.json()) == {
        "token_type",
        "expires_at",
        "expires_in",
        "refresh_token",
        "access_token",
        "athlete",
    }


def test_activities_are_added_changed_and_deleted(strava):
    token = strava.connect().access_token
    streams = {"time": [0, 100, 200], "distance": [0, 400.0, 900.0], "heartrate": [100, 150, 160]}
    added = strava.control(
        "POST",
        "/athletes/1001/activities",
        json={
            "activity": {"name": "New", "start_date": "2030-01-01T00:00:00Z"},
            "streams": streams,
        },
    )
    first = strava.client.activities(token)[0]
    assert (first.strava_id, first.name, first.distance_m, first.elapsed_time_s) == (
        added["id"],
        "New",
        900.0,
        200,
    )
    found = read_answer(strava.client.streams(token, added["id"]))
    assert found.heart_rate_bpm.tolist() == [100, 150, 160]
    strava.control("PATCH", f"/activities/{added['id']}", json={"name": "Other"})
    assert strava.client.activity(token, added["id"]).name == "Other"
    strava.control("DELETE", f"/activities/{added['id']}")
    with pytest.raises(StravaNotFound):
        strava.client.activity(token, added["id"])
    assert len(strava.client.activities(token)) == 4


def test_a_manual_entry_has_no_streams(strava):
    token = strava.connect().access_token
    added = strava.control(
        "POST", "/athletes/1001/activities", json={"activity": {"distance": 5000.0}}
    )
    assert strava.client.streams(token, added["id"]) is None
    assert strava.client.activity(token, added["id"]).best_efforts == ()
    assert strava.client.activity(token, added["id"]).manual


def test_faults_by_path_count_and_order(strava):
    token = strava.connect().access_token
    strava.fault("server_error", path="streams", times=2, skip=1)
    strava.fault("slow", path="athlete$", times=None, delay_s=0.05)
    url, headers = (
        "/api/v3/activities/3700002101/streams?keys=time",
        {"Authorization": f"Bearer {token.get_secret_value()}"},
    )
    assert [strava.http.get(url, headers=headers).status_code for _ in range(4)] == [
        200,
        500,
        500,
        200,
    ]
    started = time.monotonic()
    strava.client.athlete(token)
    assert time.monotonic() - started >= 0.05
    assert [fault["times"] for fault in strava.control("GET", "/faults")] == [0, None]
    strava.control("DELETE", "/faults")
    assert strava.control("GET", "/faults") == []


def test_requests_seen(strava):
    token = strava.connect().access_token
    strava.control("DELETE", "/requests")
    strava.client.activities(token, page=2, per_page=7)
    strava.client.athlete(token)
    seen = strava.control("GET", "/requests")
    assert (seen["total"], seen["most_at_once"]) == (2, 1)
    assert seen["by_path"] == {"GET /api/v3/athlete/activities": 1, "GET /api/v3/athlete": 1}
    assert seen["last"][0] == {
        "method": "GET",
        "path": "/api/v3/athlete/activities",
        "query": "page=2&per_page=7",
        "status": 200,
        "athlete": 1001,
    }


def test_rate_limits_from_the_start(simulate):
    strava = simulate(rate_limits=RateLimits(overall_day=1))
    strava.connect()
    assert [strava.http.get("/api/v3/athlete").status_code for _ in range(2)] == [401, 429]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/faults", {"kind": "bored"}),
        ("/faults", {"kind": "slow", "path": "("}),
        ("/athletes/1001/activities", {"activty": {}}),
    ],
)
def test_control_explains_what_is_wrong(strava, path, body):
    answer = strava.http.post(f"/simulator{path}", json=body)
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_every_control_endpoint_is_described(strava):
    paths = strava.http.get("/openapi.json").json()["paths"]
    control = {
        path: operations for path, operations in paths.items() if path.startswith("/simulator")
    }
    assert len(control) >= 10
    assert all(
        operation["description"]
        for operations in control.values()
        for operation in operations.values()
    )


def test_an_activity_may_be_broken_on_purpose(strava):
    token = strava.connect().access_token
    broken = strava.control(
        "POST", "/athletes/1001/activities", json={"activity": {"start_date": "junk"}}
    )
    strava.control("PATCH", "/activities/3700002101", json={"start_date": None})
    bad = [item for item in strava.client.activities(token) if isinstance(item, StravaBadData)]
    assert {(item.strava_id, item.field) for item in bad} == {
        (broken["id"], "start_date"),
        (3700002101, "start_date"),
    }
    with pytest.raises(StravaBadData, match="start_date"):
        strava.client.activity(token, 3700002101)


@pytest.mark.parametrize(("given", "status"), [("x", 422), (0, 422), (3700002101, 409), (77, 201)])
def test_an_id_of_ones_own_has_to_be_free(strava, given, status):
    answer = strava.http.post(
        "/simulator/athletes/1002/activities", json={"activity": {"id": given}}
    )
    assert answer.status_code == status


# --- the file of runs


RUN = {
    "id": 1,
    "start_date": "2021-01-01T00:00:00Z",
    "distance": 1,
    "moving_time": 1,
    "elapsed_time": 1,
}


TRACK = {"time": [0, 4], "distance": [0, 12.5]}


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        (["{"], "line 1: is not JSON"),
        (["", "[]"], "line 2: is not an object"),
        (
            [json.dumps({"activity": RUN | {"distance": None}})],
            "line 1: activity.distance is missing",
        ),
        ([json.dumps({"activity": RUN, "streams": {"time": [1]}})], "line 1: streams lacks"),
        (
            [json.dumps({"activity": RUN, "streams": {"time": [1], "distance": []}})],
            "line 1: streams are of different",
        ),
        (
            [json.dumps({"activity": RUN, "streams": {"time": ["1"], "distance": [1]}})],
            "line 1: streams hold something in time that is not a number",
        ),
        *(
            (
                [json.dumps({"activity": RUN, "streams": TRACK | {key: [None, bad]}})],
                f"line 1: streams hold something in {key} that is not {kind}",
            )
            for key, bad, kind in (
                ("latlng", [1.5], "a pair of numbers"),
                ("latlng", 1.5, "a pair of numbers"),
                ("moving", 1, "true or false"),
                ("watts", True, "a number"),
            )
        ),
        ([json.dumps({"activity": RUN})] * 2, "line 2: activity 1 stands"),
    ],
)
def test_a_bad_file_is_told_by_name_and_line(tmp_path, lines, problem):
    path = tmp_path / "runs.ndjson"
    path.write_text("\n".join(lines))
    with pytest.raises(SimulatorRunsInvalid, match=re.escape(f"{path}, {problem}")):
        create_simulator(runs=path, client_id="1", client_secret="s")


def test_a_missing_file_is_told_by_name(tmp_path):
    with pytest.raises(SimulatorRunsInvalid, match=r"none\.ndjson: No such file"):
        create_simulator(runs=tmp_path / "none.ndjson", client_id="1", client_secret="s")


# --- control by web pages


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"host": "evil.example"},
        {"host": "evil.example", "origin": "http://evil.example"},
        {"host": "127.0.0.1.evil.example"},
    ],
)
def test_web_pages_of_other_origins_do_not_control_the_simulation(strava, headers):
    for method, path in (("POST", "athletes/1001/codes"), ("GET", "athletes")):
        answer = strava.http.request(method, f"/simulator/{path}", headers=headers)
        assert answer.status_code == 403


@pytest.mark.parametrize(
    "headers",
    [{}, {"sec-fetch-site": "none"}, {"origin": "OWN", "sec-fetch-site": "same-origin"}],
)
def test_programs_and_its_own_page_do(strava, headers):
    own = {name: value.replace("OWN", strava.url) for name, value in headers.items()}
    answer = strava.http.post(
        "/simulator/athletes/1001/codes", headers=own, json={"scopes": ["read"]}
    )
    assert answer.status_code == 201


# --- synthetic athletes


def test_many_athletes_cost_nothing_until_asked(simulate):
    started = time.process_time()
    strava = simulate(athletes=100_000)
    assert time.process_time() - started < 1
    token = strava.connect(50_000).access_token
    assert len(strava.client.activities(token, per_page=30)) == 30
    assert 'type="number"' in strava.http.get("/oauth/authorize", params=REQUEST).text


def test_synthetic_activities_are_the_same_every_time_and_varied():
    everything = [
        activity
        for athlete_id in range(1002, 1012)
        for activity in synthetic_activities(athlete_id)
    ]
    again = [
        activity
        for athlete_id in range(1002, 1012)
        for activity in synthetic_activities(athlete_id)
    ]
    assert [activity.summary for activity in everything] == [activity.summary for activity in again]
    assert 1000 <= len(everything) <= 3000
    assert len({activity.id for activity in everything}) == len(everything)
    summaries = [activity.summary for activity in everything]
    assert {"Run", "TrailRun", "Ride"} <= {summary["sport_type"] for summary in summaries}
    assert {summary["visibility"] for summary in summaries} == {
        "everyone",
        "followers_only",
        "only_me",
    }
    assert {summary["has_heartrate"] for summary in summaries} == {True, False}
    assert {summary["manual"] for summary in summaries} == {True, False}


def test_synthetic_streams_match_their_summary():
    for activity in synthetic_activities(1002):
        streams = activity.read_streams()
        assert (streams is None) == activity.summary["manual"]
        if streams:
            assert streams["time"][-1] == activity.summary["elapsed_time"]
            assert streams["distance"][-1] == pytest.approx(activity.summary["distance"], abs=0.2)
            assert len({len(samples) for samples in streams.values()}) == 1
            assert ("heartrate" in streams) == activity.summary["has_heartrate"]
            assert streams["time"] == sorted(streams["time"])
            sensors = {"velocity_smooth", "cadence", "watts", "temp", "moving"}
            outside = {"altitude", "grade_smooth", "latlng"}
            others = sensors if activity.summary["trainer"] else sensors | outside
            assert set(streams) - {"time", "distance", "heartrate"} == others


def test_every_stream_that_is_asked_for_is_read(strava):
    token = strava.connect(1002).access_token
    [outside, *_] = [each for each in synthetic_activities(1002)
                     if not each.summary["manual"] and not each.summary["trainer"]]  # fmt: skip
    found = read_answer(strava.client.streams(token, outside.id))
    assert set(found.other_columns) == {
        "cadence_rpm", "altitude_m", "power_w", "temperature_c", "speed_m_per_s", "latitude",
        "longitude",
    }  # fmt: skip
    assert {len(each) for each in found.other_columns.values()} == {len(found.time_s)}
