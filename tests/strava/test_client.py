import gzip
import json
import logging
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import SecretStr

from settings import InvalidSettings, Settings
from strava.client import StravaClient
from strava.errors import (
    StravaAppInactive,
    StravaAthleteLimit,
    StravaBadData,
    StravaError,
    StravaNotFound,
    StravaRateLimited,
    StravaScopeMissing,
    StravaUnauthorized,
    StravaUnavailable,
    StravaUnreadable,
)
from strava.quota_headers import next_day, next_quarter_hour
from strava.stream_payload import read_answer
from tests.strava.plain_server import sending, serving

RUN_IDS = [3700014043, 3700010105, 3700002101, 3700001250]


def test_a_code_becomes_tokens_once(strava):
    code = strava.control("POST", "/athletes/1001/codes", json={})["code"]
    grant = strava.client.exchange_code(code)
    assert (grant.athlete.strava_id, grant.athlete.sex, grant.athlete.city) == (1001, "M", "Recife")
    assert timedelta(hours=5.9) < grant.tokens.expires_at - datetime.now(UTC) <= timedelta(hours=6)
    with pytest.raises(StravaUnauthorized, match="authorization code"):
        strava.client.exchange_code(code)


def test_a_refresh_token_works_once(strava):
    first = strava.connect()
    second = strava.client.refresh(first.refresh_token)
    assert second.refresh_token != first.refresh_token
    with pytest.raises(StravaUnauthorized, match="refresh token"):
        strava.client.refresh(first.refresh_token)
    assert strava.client.athlete(second.access_token).strava_id == 1001
    assert strava.client.refresh(second.refresh_token).access_token


def test_an_expired_token_is_refused_and_refreshing_helps(strava):
    tokens = strava.connect()
    strava.control("POST", "/athletes/1001/tokens/expire")
    with pytest.raises(StravaUnauthorized, match="access token"):
        strava.client.athlete(tokens.access_token)
    assert strava.client.athlete(strava.client.refresh(tokens.refresh_token).access_token)


def test_tokens_expire_by_setting(simulate):
    strava = simulate(token_lifetime_s=-1)
    with pytest.raises(StravaUnauthorized):
        strava.client.athlete(strava.connect().access_token)


def test_tokens_outlive_a_restart_of_the_simulator(simulate):
    tokens = simulate().connect()
    assert simulate().client.athlete(tokens.access_token).strava_id == 1001


@pytest.mark.parametrize("token", ["", "abc", "äö", "a\nb", "bm8=", "=" * 40])
def test_an_unknown_token_is_refused(strava, token):
    with pytest.raises(StravaUnauthorized):
        strava.client.athlete(SecretStr(token))


def test_wrong_client_secret(strava):
    with (
        strava.make_client(client_secret=SecretStr("wrong")) as client,
        pytest.raises(StravaUnauthorized) as caught,
    ):
        client.exchange_code("x")
    assert caught.value.what == "client id or secret"


def test_revoking_ends_both_tokens(strava):
    tokens = strava.connect()
    strava.client.revoke(tokens.access_token)
    with pytest.raises(StravaUnauthorized):
        strava.client.athlete(tokens.access_token)
    with pytest.raises(StravaUnauthorized):
        strava.client.refresh(tokens.refresh_token)
    assert "POST /oauth/deauthorize" not in strava.control("GET", "/requests")["by_path"]


@pytest.mark.parametrize("fault", ["not_found", "bad_json"])
def test_revoking_never_asks_the_page_that_ends(strava, fault):
    tokens = strava.connect()
    strava.fault(fault, path="/oauth/revoke")
    with pytest.raises(StravaError):
        strava.client.revoke(tokens.access_token)
    assert "POST /oauth/deauthorize" not in strava.control("GET", "/requests")["by_path"]


def test_pages_newest_first(strava):
    token = strava.connect().access_token
    pages = [strava.client.activities(token, page=page, per_page=3) for page in (1, 2, 3)]
    assert [[activity.strava_id for activity in page] for page in pages] == [
        RUN_IDS[:3],
        RUN_IDS[3:],
        [],
    ]
    newest = pages[0][0]
    assert (newest.distance_m, newest.elapsed_time_s, newest.timezone) == (
        1934.9,
        868,
        "America/Recife",
    )
    assert newest.started_at - newest.started_at_local.replace(tzinfo=UTC) == timedelta(hours=3)


def test_before_and_after_exclude_the_moment(strava):
    token = strava.connect().access_token
    times = [activity.started_at for activity in strava.client.activities(token)]
    found = strava.client.activities(token, before=times[0], after=times[3])
    assert [activity.strava_id for activity in found] == RUN_IDS[2:0:-1]  # oldest first
    with pytest.raises(ValueError, match="zone"):
        strava.client.activities(token, after=datetime(2020, 1, 1))  # noqa: DTZ001


def test_one_bad_activity_does_not_lose_the_page(strava):
    token = strava.connect().access_token
    strava.control("PATCH", f"/activities/{RUN_IDS[1]}", json={"distance": None})
    items = strava.client.activities(token)
    assert len(items) == 4
    assert isinstance(items[1], StravaBadData)
    assert (items[1].field, items[1].strava_id) == ("distance", RUN_IDS[1])
    assert [item.strava_id for item in items] == RUN_IDS


def test_detail_and_streams_agree(strava):
    token = strava.connect().access_token
    detail = strava.client.activity(token, 3700002101)
    streams = read_answer(strava.client.streams(token, 3700002101))
    assert detail.elapsed_time_s == 1636
    assert [effort.name for effort in detail.best_efforts] == ["400m", "1/2 mile", "1k", "1 mile"]
    assert len(streams.time_s) == len(streams.distance_m) == 272
    assert streams.heart_rate_bpm is None


def test_no_such_activity(strava):
    token = strava.connect().access_token
    with pytest.raises(StravaNotFound, match="/activities/12"):
        strava.client.activity(token, 12)
    assert strava.client.streams(token, 12) is None


def test_the_activity_of_another_athlete_is_not_found(strava):
    token = strava.connect(1002).access_token
    with pytest.raises(StravaNotFound):
        strava.client.activity(token, RUN_IDS[0])


def test_a_token_without_the_scope(strava):
    token = strava.connect(scopes=["read"]).access_token
    assert strava.client.athlete(token).strava_id == 1001
    with pytest.raises(StravaScopeMissing, match="activity:read_permission"):
        strava.client.activities(token)
    with pytest.raises(StravaScopeMissing):
        strava.client.streams(token, RUN_IDS[0])


def test_private_activities_need_the_wider_scope(strava):
    narrow, wide = ["read", "activity:read"], ["read", "activity:read_all"]
    strava.control(
        "PATCH", f"/activities/{RUN_IDS[0]}", json={"visibility": "only_me", "private": True}
    )
    token = strava.connect(scopes=narrow).access_token
    assert [activity.strava_id for activity in strava.client.activities(token)] == RUN_IDS[1:]
    with pytest.raises(StravaNotFound):
        strava.client.activity(token, RUN_IDS[0])
    everything = strava.client.activities(strava.connect(scopes=wide).access_token)
    assert everything[0].visibility == "ONLY_ME"


@pytest.mark.parametrize(
    ("kind", "error", "code", "retryable"),
    [
        ("unauthorized", StravaUnauthorized, "STRAVA_UNAUTHORIZED", False),
        ("missing_scope", StravaScopeMissing, "STRAVA_SCOPE_MISSING", False),
        ("inactive", StravaAppInactive, "STRAVA_APP_INACTIVE", False),
        ("athlete_limit", StravaAthleteLimit, "STRAVA_ATHLETE_LIMIT", False),
        ("rate_limited", StravaRateLimited, "STRAVA_RATE_LIMITED", True),
        ("server_error", StravaUnavailable, "STRAVA_UNAVAILABLE", True),
        ("unavailable", StravaUnavailable, "STRAVA_UNAVAILABLE", True),
        ("bad_json", StravaUnreadable, "STRAVA_BAD_DATA", True),
        ("forbidden_page", StravaUnreadable, "STRAVA_BAD_DATA", True),
        ("not_found_page", StravaUnreadable, "STRAVA_BAD_DATA", True),
        ("other_object", StravaUnreadable, "STRAVA_BAD_DATA", True),
        ("not_found", StravaUnavailable, "STRAVA_UNAVAILABLE", True),  # every athlete has this
    ],
)
def test_faults_become_errors_once(strava, kind, error, code, retryable):
    token = strava.connect().access_token
    strava.fault(kind, path="^/api/v3/athlete$")
    assert len(strava.client.activities(token)) == 4
    with pytest.raises(error) as caught:
        strava.client.athlete(token)
    assert (caught.value.code, caught.value.retryable) == (code, retryable)
    assert strava.client.athlete(token).strava_id == 1001


@pytest.mark.parametrize(
    ("kind", "restart"), [("rate_limited", next_quarter_hour), ("rate_limited_day", next_day)]
)
def test_rate_limited_until_the_window_restarts(strava, kind, restart):
    token = strava.connect().access_token
    strava.fault(kind)
    before = datetime.now(UTC)
    with pytest.raises(StravaRateLimited) as caught:
        strava.client.athlete(token)
    assert caught.value.retry_at in {restart(before), restart(datetime.now(UTC))}


def test_limits_are_counted_and_told(strava):
    token = strava.connect().access_token
    strava.control(
        "PUT",
        "/rate-limits",
        json={"overall_quarter_hour": 200, "read_quarter_hour": 3, "read_day": 9, "used": 0},
    )
    strava.quotas.clear()
    for _ in range(3):
        strava.client.athlete(token)
    with pytest.raises(StravaRateLimited):
        strava.client.athlete(token)
    told = [
        (quota.overall.quarter_hour.used, quota.read.quarter_hour.used) for quota in strava.quotas
    ]
    assert told == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert (told_last := strava.quotas[-1]).read.quarter_hour.limit == 3
    # Requests over the limit count towards the day.
    assert told_last.read.day.used == 4
    assert strava.quotas[-1].remaining(read=True) == 0


def test_a_slow_strava_is_unavailable(strava):
    token = strava.connect().access_token
    strava.fault("slow", path="athlete", delay_s=1)
    with (
        strava.make_client(timeout_s=0.2) as client,
        pytest.raises(StravaUnavailable, match="in time") as caught,
    ):
        client.athlete(token)
    assert caught.value.status is None


def test_nobody_listening_is_unavailable(strava):
    with (
        strava.make_client(api_url="http://127.0.0.1:9") as client,
        pytest.raises(StravaUnavailable, match="NewConnectionError"),
    ):
        client.athlete(SecretStr("x"))


def answer_of(status, body=b"", **headers):
    lines = {"Content-Length": len(body), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return sending(f"HTTP/1.1 {status} \r\n{head}\r\n".encode() + body)


@contextmanager
def answering(strava, status, body=b"", **headers):
    with (
        serving(answer_of(status, body, **headers)) as url,
        strava.make_client(api_url=url, oauth_url=url) as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (403, b"<html>Limit of connected athletes exceeded</html>", StravaAthleteLimit),
        (403, b"", StravaScopeMissing),
        (
            403,
            b'{"errors":[{"resource":"Application","field":"Status","code":"Inactive"}]}',
            StravaAppInactive,
        ),
        (403, b'{"errors":{"resource":"Application"}}', StravaScopeMissing),
        (403, b"[" * 100_000, StravaScopeMissing),
        (401, b"nonsense", StravaUnauthorized),
        (
            400,
            b'{"errors":[{"resource":"Activity","field":"per page","code":"limit exceeded"}]}',
            StravaBadData,
        ),
        (418, b"[]", StravaBadData),
        (204, b"", StravaBadData),
        (302, b"", StravaUnavailable),
        (502, b"<html>", StravaUnavailable),
        (200, b"[" * 100_000, StravaBadData),
        (200, b"\xff\xfe", StravaBadData),
        (429, b"", StravaRateLimited),
    ],
)
def test_other_answers(strava, status, body, error):
    with answering(strava, status, body) as client, pytest.raises(error):
        client.athlete(SecretStr("x"))


def test_a_page_that_is_no_list(strava):
    with answering(strava, 200, b"{}") as client, pytest.raises(StravaBadData, match="list"):
        client.activities(SecretStr("x"))


def test_a_broken_encoding_is_unavailable(strava):
    broken = gzip.compress(b"{}")[:-4] + b"abcd"
    with (
        answering(strava, 200, broken, **{"Content-Encoding": "gzip"}) as client,
        pytest.raises((StravaUnavailable, StravaBadData)),
    ):
        client.athlete(SecretStr("x"))


@pytest.mark.parametrize("missing", ["access_token", "refresh_token", "expires_at"])
def test_tokens_that_are_incomplete_are_refused(strava, missing):
    answer = {"access_token": "a", "refresh_token": "r", "expires_at": 1}
    body = json.dumps({name: value for name, value in answer.items() if name != missing}).encode()
    with answering(strava, 200, body) as client, pytest.raises(StravaBadData, match=missing):
        client.refresh(SecretStr("x"))


def test_no_secret_shows_anywhere(strava, caplog):
    caplog.set_level(logging.DEBUG)
    tokens = strava.connect()
    strava.client.activities(tokens.access_token)
    strava.fault("server_error", path="athlete$")
    shown = [repr(tokens), str(tokens), repr(strava.client.__dict__)]
    for attempt in (
        lambda: strava.client.athlete(tokens.access_token),
        lambda: strava.client.refresh(SecretStr("rrr-1")),
    ):
        with pytest.raises((StravaUnavailable, StravaUnauthorized)) as caught:
            attempt()
        shown += [repr(caught.value), str(caught.value), repr(vars(caught.value))]
        assert caught.value.__context__ is None
    told = "\n".join(shown) + caplog.text
    for secret in (
        tokens.access_token,
        tokens.refresh_token,
        SecretStr("the-app-secret"),
        SecretStr("rrr-1"),
    ):
        assert secret.get_secret_value() not in told


def settings(**values):
    return Settings(
        _env_file=None, **{"strava_client_id": "12", "strava_client_secret": "s"} | values
    )


def client_of(given):
    return StravaClient.from_settings(given)


def test_from_settings_wants_the_application(monkeypatch):
    monkeypatch.delenv("STRAVA_CLIENT_ID", raising=False)
    with pytest.raises(InvalidSettings, match="STRAVA_CLIENT_ID"):
        client_of(settings(strava_client_id=None))


@pytest.mark.parametrize("base", ["/api/v3", "/"])
def test_both_of_stravas_addresses(strava, base):
    seen = []
    with (
        serving(answer_of(200, b'{"id": 1}'), seen) as url,
        strava.make_client(api_url=url + base) as client,
    ):
        client.athlete(SecretStr("x"))
    assert seen[0].startswith(f"GET {base.rstrip('/')}/athlete HTTP/1.1\r\n".encode())
