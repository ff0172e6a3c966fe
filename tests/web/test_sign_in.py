"""Signing in through the simulated Strava's own form, and out."""

import re
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest

from db.encryption import KeyRing
from tests import factories as make
from tests.graph.api import serve

pytestmark = pytest.mark.anyio

VIEWER = {"query": "{ viewer { scopes athlete { id firstName stravaConnection { scopes stravaAthleteId } } } }"}
CONNECT = {"query": "mutation { connectStrava { authorizationUrl userErrors { code } } }"}


@pytest.fixture
async def browser(settings, strava_url):
    """The API, whose HTTP client keeps cookies as a browser does."""
    urls = {"strava_api_url": f"{strava_url}/api/v3", "strava_oauth_url": f"{strava_url}/oauth"}
    async with serve(settings.model_copy(update=urls)) as api:
        yield api


async def authorize(url, *, decision="authorize", athlete=1001, ticked=None):
    """Fill in Strava's form; gives where it sends the browser."""
    async with httpx.AsyncClient(trust_env=False) as http:
        page = (await http.get(url)).text
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
        granted = re.findall(r'name="granted" value="([^"]*)"', page) if ticked is None else ticked
        form = hidden | {"athlete_id": str(athlete), "granted": granted, "decision": decision}
        answer = await http.post(str(httpx.URL(url).join("/oauth/authorize")), data=form)
    return answer.headers["location"]


async def begin(browser):
    return (await browser.http.get("/auth/strava")).headers["location"]


async def sign_in(browser, **choices):
    return await browser.http.get(await authorize(await begin(browser), **choices))


async def viewer(browser):
    return (await browser.http.post("/graphql", json=VIEWER)).json()["data"]["viewer"]


async def test_a_round_trip_signs_in(browser, db, settings):
    response = await sign_in(browser)
    assert (response.status_code, response.headers["location"]) == (303, "/graphiql")
    found = await viewer(browser)
    assert found["scopes"] == ["READ", "SYNC"]
    assert found["athlete"]["stravaConnection"] == {
        "stravaAthleteId": "1001",
        "scopes": ["read", "activity:read_all", "profile:read_all"],
    }
    kept = db.exec_driver_sql("SELECT access_token, refresh_token FROM strava_connections").one()
    opened = [KeyRing(settings.token_encryption_keys).decrypt(bytes(each)).get_secret_value() for each in kept]
    assert not [secret for secret, stored in zip(opened, kept, strict=True) if secret.encode() in bytes(stored)]


async def test_signing_in_again_is_the_same_athlete_with_their_own_changes(browser, db):
    await sign_in(browser)
    first = await viewer(browser)
    db.exec_driver_sql("UPDATE athletes SET first_name = 'Mine'")
    await sign_in(browser)
    assert (await viewer(browser))["athlete"]["id"] == first["athlete"]["id"]
    assert (await viewer(browser))["athlete"]["firstName"] == "Mine"


async def test_another_athlete_is_another_account(browser):
    await sign_in(browser)
    first = await viewer(browser)
    await sign_in(browser, athlete=1002)
    assert (await viewer(browser))["athlete"]["id"] != first["athlete"]["id"]


async def test_unticked_scopes_are_kept_as_granted(browser):
    await sign_in(browser, ticked=["read"])
    assert (await viewer(browser))["athlete"]["stravaConnection"]["scopes"] == ["read"]


async def test_the_mutation_begins_the_same(browser):
    answer = (await browser.http.post("/graphql", json=CONNECT)).json()["data"]["connectStrava"]
    response = await browser.http.get(await authorize(answer["authorizationUrl"]))
    assert response.status_code == 303
    assert await viewer(browser)


async def test_strava_is_asked_for_what_syncs_need(browser):
    asked = parse_qs(urlsplit(await begin(browser)).query)
    assert asked["redirect_uri"] == ["http://pacegraph.test/strava/callback"]
    assert asked["scope"] == ["read,activity:read_all,profile:read_all"]
    assert len(asked["state"][0]) >= 32


async def refusal(response):
    return response.status_code, response.json()["errors"][0]["extensions"]["code"]


async def test_a_denied_sign_in_is_refused(browser, db):
    assert await refusal(await sign_in(browser, decision="cancel")) == (400, "SIGN_IN_DENIED")
    assert await viewer(browser) is None
    assert db.exec_driver_sql("SELECT count(*) FROM athletes").scalar_one() == 0


async def test_another_browsers_sign_in_is_refused(browser):
    """Else somebody could sign a victim in as themselves."""
    back = await authorize(await begin(browser))
    browser.http.cookies.clear()
    assert await refusal(await browser.http.get(back)) == (400, "SIGN_IN_EXPIRED")
    assert await refusal(await browser.http.get("/strava/callback?code=x&state=")) == (400, "SIGN_IN_EXPIRED")


async def test_a_state_of_another_sign_in_is_refused(browser):
    back = await authorize(await begin(browser))
    await begin(browser)
    assert await refusal(await browser.http.get(back)) == (400, "SIGN_IN_EXPIRED")


async def test_a_sign_in_works_once(browser):
    back = await authorize(await begin(browser))
    await browser.http.get(back)
    assert (await browser.http.get(back)).status_code == 400


async def test_an_old_sign_in_is_refused(browser, settings):
    url = await begin(browser)
    [state] = parse_qs(urlsplit(url).query)["state"]
    over = datetime.now(UTC) - timedelta(seconds=1)
    claims = {"state": state, "back_to": "/graphiql", "aud": "sign-in", "exp": over}
    cookie = jwt.encode(claims, settings.secret_key.get_secret_value(), "HS256")
    browser.http.cookies.clear()
    response = await browser.http.get(await authorize(url), headers={"cookie": f"pacegraph_sign_in={cookie}"})
    assert await refusal(response) == (400, "SIGN_IN_EXPIRED")


async def test_a_code_that_strava_refuses(browser):
    [state] = parse_qs(urlsplit(await begin(browser)).query)["state"]
    response = await browser.http.get("/strava/callback", params={"state": state, "code": "forged"})
    assert response.status_code == 502
    assert "forged" not in response.text


async def test_the_cookie_is_kept_from_scripts_and_other_sites(browser):
    response = await sign_in(browser)
    cookie = SimpleCookie(
        next(c for c in response.headers.get_list("set-cookie") if c.startswith("pacegraph_session="))
    )
    attributes = cookie["pacegraph_session"]
    assert (attributes["httponly"], attributes["samesite"].lower(), attributes["path"]) == (True, "lax", "/")
    assert not attributes["secure"]
    assert int(attributes["max-age"]) == 30 * 86_400


async def test_over_https_the_cookies_are_secure(settings):
    async with serve(settings.model_copy(update={"public_url": "https://runs.example"})) as api:
        response = await api.http.get("/auth/strava")
    assert all("secure" in cookie.lower() for cookie in response.headers.get_list("set-cookie"))
    assert response.headers["cache-control"] == "no-store"


async def test_signing_out_ends_every_session(browser):
    await sign_in(browser)
    kept = browser.http.cookies["pacegraph_session"]
    assert (await browser.http.post("/auth/sign-out")).status_code == 204
    assert "pacegraph_session" not in browser.http.cookies
    headers = {"cookie": f"pacegraph_session={kept}"}
    assert (await browser.http.post("/graphql", json=VIEWER, headers=headers)).json()["data"]["viewer"] is None


async def test_signing_out_is_no_link(browser):
    assert (await browser.http.get("/auth/sign-out")).status_code == 405


FORGERIES = {
    "unsigned": {"key": "", "algorithm": "none"},
    "other-key": {"key": "another key, as long as the real one is"},
    "other-purpose": {"aud": "sign-in"},
    "expired": {"exp": datetime(2020, 1, 1, tzinfo=UTC)},
    "old-epoch": {"epoch": -1},
    "other-account": {"sub": "999999"},
}


@pytest.mark.parametrize("change", FORGERIES.values(), ids=FORGERIES)
async def test_a_forged_session_is_signed_out(api, db, settings, change):
    account = make.create_account(db)
    options = {"key": settings.secret_key.get_secret_value(), "algorithm": "HS256"}
    claims = {"sub": str(account), "epoch": 0, "aud": "session", "exp": datetime.now(UTC) + timedelta(hours=1)}
    for name, value in change.items():
        (options if name in options else claims)[name] = value
    headers = {"cookie": f"pacegraph_session={jwt.encode(claims, **options)}"}
    assert (await api.http.post("/graphql", json=VIEWER, headers=headers)).json()["data"]["viewer"] is None


async def test_administrators_are_named_by_their_strava_id(settings, strava_url):
    urls = {"strava_api_url": f"{strava_url}/api/v3", "strava_oauth_url": f"{strava_url}/oauth"}
    async with serve(settings.model_copy(update=urls | {"admin_athlete_ids": (1001,)})) as browser:
        await sign_in(browser)
        assert (await viewer(browser))["scopes"] == ["ADMIN", "READ", "SYNC"]
