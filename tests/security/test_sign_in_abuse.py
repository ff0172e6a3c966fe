"""Strangers do not keep others from signing in, and what they send harms nobody."""

import asyncio
from contextlib import asynccontextmanager

import httpx
import pytest

from tests.graph.api import serve
from tests.web.auth.strava_form import authorize
from tests.web.conftest import strava_url

__all__ = ["strava_url"]

pytestmark = pytest.mark.anyio

STRANGER, HONEST = "192.0.2.66", "192.0.2.1"
VIEWER = {"query": "{ viewer { athlete { stravaConnection { scopes } } } }"}


@pytest.fixture
async def api(settings, strava_url):
    urls = {"strava_api_url": f"{strava_url}/api/v3", "strava_oauth_url": f"{strava_url}/oauth"}
    async with serve(settings.model_copy(update=urls)) as api:
        yield api


@pytest.fixture
def slow_strava(strava_url):
    """Strava takes its time for each code, as it does over the internet."""
    with httpx.Client(base_url=f"{strava_url}/simulator", trust_env=False) as control:
        control.post(
            "/faults", json={"kind": "slow", "path": "/oauth/token", "delay_s": 0.1}
        ).raise_for_status()
        yield
        control.delete("/faults").raise_for_status()


@asynccontextmanager
async def browser_at(api, address):
    transport = httpx.ASGITransport(
        app=api.app, raise_app_exceptions=False, client=(address, 50_000)
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://pacegraph.test") as http:
        yield http


async def begin(http):
    return (await http.get("/auth/strava")).headers["location"]


async def call_back(http, **changes):
    """Begin a sign-in and come back with changed parameters, without a visit to Strava."""
    state = httpx.URL(await begin(http)).params["state"]
    return await http.get("/strava/callback", params={"state": state, **changes})


async def sign_in(http, *, athlete=1001, **changes):
    """Sign in by Strava's form; the browser changes what Strava sends it back with."""
    back = httpx.URL(await authorize(await begin(http), athlete=athlete))
    return await http.get(back.copy_merge_params(changes))


async def viewer(http):
    return (await http.post("/graphql", json=VIEWER)).json()["data"]["viewer"]


def code_of(response):
    return response.json()["errors"][0]["extensions"]["code"]


async def invent_codes(api, address, answers):
    async with browser_at(api, address) as http:
        while True:
            answers.append((await call_back(http, code="invented")).status_code)


@pytest.mark.parametrize("strangers", [[STRANGER], [STRANGER, HONEST]], ids=["others", "shared"])
async def test_invented_codes_keep_nobody_out(api, slow_strava, strangers):
    answers = []
    flood = [
        asyncio.create_task(invent_codes(api, strangers[number % len(strangers)], answers))
        for number in range(4)
    ]
    try:
        found = []
        for _ in range(8):
            async with browser_at(api, HONEST) as http:
                found.append((await sign_in(http)).status_code)
                assert await viewer(http)
    finally:
        for each in flood:
            each.cancel()
    assert found == [303] * 8
    assert set(answers) <= {502}  # held back, not refused: this is no flood


async def test_failures_of_an_address_are_few(settings, strava_url):
    changes = {
        "strava_api_url": f"{strava_url}/api/v3",
        "strava_oauth_url": f"{strava_url}/oauth",
        "sign_in_bucket_ip": 3,
        "sign_in_refill_ip_per_s": 0.1,
    }
    async with serve(settings.model_copy(update=changes)) as api:
        async with browser_at(api, STRANGER) as http:
            asked = [{"code": "invented"}, {"error": "access_denied"}, {"code": "n\x00" * 900}]
            answers = [await call_back(http, **each) for each in asked]
            assert [each.status_code for each in answers] == [502, 400, 502]
            back = httpx.URL(await authorize(await begin(http)))
            refused = await http.get(back)
            assert (refused.status_code, code_of(refused)) == (429, "RATE_LIMITED")
            assert int(refused.headers["retry-after"]) > 1
        async with browser_at(api, HONEST) as http:
            assert (await sign_in(http)).status_code == 303
        text = (await api.http.get("/metrics")).text
    assert 'pacegraph_sign_ins_total{outcome="failed"} 2.0' in text
    assert 'pacegraph_sign_ins_total{outcome="signed_in"} 1.0' in text


async def test_a_sign_in_that_found_no_slot_goes_on_later(api):
    slots = api.app.state.services.sign_ins.slots
    async with browser_at(api, HONEST) as http:
        back = httpx.URL(await authorize(await begin(http)))
        slots._wait_s = 0.01
        async with slots.slot(HONEST), slots.slot(HONEST):
            busy = await http.get(back)
        assert (busy.status_code, code_of(busy)) == (503, "TOO_BUSY")
        assert busy.headers["retry-after"]
        assert (await http.get(back)).status_code == 303


async def test_a_browser_with_many_sign_ins_costs_little(api):
    """Removing each would be thousands of headers; a name that is no cookie's would be a 500."""
    many = "; ".join(f"pacegraph_sign_in_{number:016x}=x" for number in range(2000))
    async with browser_at(api, STRANGER) as http:
        for cookies in (many, "pacegraph_sign_in_(=x; " * 10, "pacegraph_sign_in_é=x; " * 10):
            answer = await http.get("/auth/strava", headers={"cookie": cookies.encode()})
            assert answer.status_code == 303
            assert len(answer.headers.get_list("set-cookie")) <= 20


GRANTED = "read,activity:read_all,profile:read_all"


@pytest.mark.parametrize(
    "scope",
    [f"{GRANTED},\x00", f"{GRANTED}\r\nset-cookie: a=b", f"{GRANTED},{'x' * 3000}", f"{GRANTED},é"],
    ids=["nul", "line-end", "long", "other"],
)
async def test_words_that_are_not_stravas_are_dropped(api, scope, caplog):
    async with browser_at(api, HONEST) as http:
        answer = await sign_in(http, scope=scope)
        known = scope.replace("\r", ",").split(",")
        expected = [word for word in GRANTED.split(",") if word in known]
        assert answer.status_code == 303
        assert (await viewer(http))["athlete"]["stravaConnection"]["scopes"] == expected
    [line] = [each for each in caplog.records if each.name == "web.routes.sign_in"]
    assert line.unknown_words >= 1
    assert "xxx" not in caplog.text


@pytest.mark.parametrize(
    "scope", ["read", "", "\x00", "y" * 3000], ids=["unticked", "none", "nul", "long"]
)
async def test_a_grant_without_activities_is_kept_and_says_what_to_tick(api, scope):
    async with browser_at(api, HONEST) as http:
        answer = await sign_in(http, scope=scope)
        assert (answer.status_code, code_of(answer)) == (403, "STRAVA_SCOPE_MISSING")
        assert "activity:read" in answer.json()["errors"][0]["message"]
        expected = ["read"] if scope == "read" else []
        assert (await viewer(http))["athlete"]["stravaConnection"]["scopes"] == expected


async def test_signing_out_without_a_session_costs_nothing(api):
    async with browser_at(api, HONEST) as http, browser_at(api, STRANGER) as stranger:
        await sign_in(http)
        await sign_in(stranger)
        ended = {"cookie": f"pacegraph_session={stranger.cookies['pacegraph_session']}"}
        await stranger.post("/auth/sign-out")
        await stranger.post("/auth/sign-out", headers=ended)
        assert await viewer(http)  # known from now on
        api.queries.clear()
        for headers in ({}, {"cookie": "pacegraph_session=forged"}, ended):
            for path in ("/auth/sign-out", "/auth/sign-out?everywhere=1"):
                assert (await stranger.post(path, headers=headers)).status_code == 204
        assert api.queries == []
        assert await viewer(http)
        assert not [each for each in api.queries if "session_epoch" in each]


@pytest.mark.parametrize("athlete", [1001, 1002], ids=["same-account", "other-account"])
async def test_signing_out_makes_others_no_work(api, athlete):
    async with browser_at(api, HONEST) as http, browser_at(api, STRANGER) as other:
        await sign_in(other, athlete=athlete)
        await sign_in(http)
        assert await viewer(http)
        assert (await other.post("/auth/sign-out")).status_code == 204
        api.queries.clear()
        assert await viewer(http)
        assert not [each for each in api.queries if "session_epoch" in each]
        assert await viewer(other) is None
