"""Signing in through the simulated Strava's own form, and out."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest

from db.encryption import KeyRing
from tests import factories as make
from tests.graph.api import serve
from tests.web.auth.strava_form import authorize

pytestmark = pytest.mark.anyio

VIEWER = {
    "query": "{ viewer { scopes athlete { id firstName stravaConnection { scopes stravaAthleteId } } } }"
}
CONNECT = {"query": "mutation { connectStrava { authorizationUrl userErrors { code } } }"}


@pytest.fixture
async def browser(settings, strava_url):
    """The API, whose HTTP client keeps cookies as a browser does."""
    urls = {"strava_api_url": f"{strava_url}/api/v3", "strava_oauth_url": f"{strava_url}/oauth"}
    async with serve(settings.model_copy(update=urls)) as api:
        yield api


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
    opened = [
        KeyRing(settings.token_encryption_keys).decrypt(bytes(each)).get_secret_value()
        for each in kept
    ]
    assert not [
        secret
        for secret, stored in zip(opened, kept, strict=True)
        if secret.encode() in bytes(stored)
    ]


async def test_signing_in_again_is_the_same_athlete_with_their_own_changes(browser, db):
    await sign_in(browser)
    first = await viewer(browser)
    db.exec_driver_sql("UPDATE athletes SET first_name = 'Mine'")
    await sign_in(browser)
    assert (await viewer(browser))["athlete"]["id"] == first["athlete"]["id"]
    assert (await viewer(browser))["athlete"]["firstName"] == "Mine"


async def test_other_windows_are_told_of_the_connection(browser, db):
    await sign_in(browser)
    assert db.exec_driver_sql("SELECT count(*) FROM athlete_changes WHERE of_athlete").scalar() == 1


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
    assert await refusal(await browser.http.get("/strava/callback?code=x&state=")) == (
        400,
        "SIGN_IN_EXPIRED",
    )


async def test_a_state_of_another_sign_in_is_refused(browser, settings):
    """A browser that began one sign-in does not finish another's."""
    back = await authorize(await begin(browser))
    browser.http.cookies.clear()
    await begin(browser)
    assert await refusal(await browser.http.get(back)) == (400, "SIGN_IN_EXPIRED")


async def test_two_tabs_may_sign_in_at_once(browser):
    first, second = [await authorize(await begin(browser)) for _ in range(2)]
    assert (await browser.http.get(second)).status_code == 303
    assert (await browser.http.get(first)).status_code == 303
    assert await viewer(browser)


async def test_a_browser_keeps_five_sign_ins(browser):
    urls = [await begin(browser) for _ in range(7)]
    assert len([name for name in browser.http.cookies if "sign_in" in name]) == 5
    assert (await browser.http.get(await authorize(urls[-1]))).status_code == 303


async def test_a_sign_in_works_once_whatever_the_browser_keeps(browser, db):
    url = await begin(browser)
    kept = dict(browser.http.cookies)
    assert (await browser.http.get(await authorize(url))).status_code == 303
    assert not [name for name in browser.http.cookies if "sign_in" in name]
    browser.http.cookies.clear()
    browser.http.cookies.update(kept)
    again = await authorize(url)  # a new code for the same state
    assert await refusal(await browser.http.get(again)) == (400, "SIGN_IN_EXPIRED")
    assert db.exec_driver_sql("SELECT count(*) FROM browser_sessions").scalar_one() == 1


async def test_a_denied_sign_in_is_over(browser):
    url = await begin(browser)
    kept = dict(browser.http.cookies)
    assert await refusal(await browser.http.get(await authorize(url, decision="cancel"))) == (
        400,
        "SIGN_IN_DENIED",
    )
    assert not browser.http.cookies
    browser.http.cookies.update(kept)
    assert await refusal(await browser.http.get(await authorize(url))) == (400, "SIGN_IN_EXPIRED")


async def test_used_states_are_forgotten_after_their_time(browser, db):
    await sign_in(browser)
    db.exec_driver_sql("UPDATE used_sign_ins SET used_at = now() - interval '31 minutes'")
    await sign_in(browser)
    assert db.exec_driver_sql("SELECT count(*) FROM used_sign_ins").scalar_one() == 1


async def test_an_old_sign_in_is_refused(browser, settings):
    url = await begin(browser)
    [state] = parse_qs(urlsplit(url).query)["state"]
    [name] = browser.http.cookies
    over = datetime.now(UTC) - timedelta(seconds=1)
    digest = sha256(state.encode()).hexdigest()
    claims = {
        "state_sha256": digest,
        "back_to": "/graphiql",
        "aud": "sign-in",
        "exp": over,
        "iat": over,
    }
    cookie = jwt.encode(claims, settings.secret_key.get_secret_value(), "HS256")
    browser.http.cookies.clear()
    response = await browser.http.get(await authorize(url), headers={"cookie": f"{name}={cookie}"})
    assert await refusal(response) == (400, "SIGN_IN_EXPIRED")


async def test_a_code_that_strava_refuses(browser):
    [state] = parse_qs(urlsplit(await begin(browser)).query)["state"]
    response = await browser.http.get("/strava/callback", params={"state": state, "code": "forged"})
    assert response.status_code == 502
    assert "forged" not in response.text


async def test_the_cookie_is_kept_from_scripts_and_other_sites(browser):
    response = await sign_in(browser)
    cookie = SimpleCookie(
        next(
            c for c in response.headers.get_list("set-cookie") if c.startswith("pacegraph_session=")
        )
    )
    attributes = cookie["pacegraph_session"]
    assert (attributes["httponly"], attributes["samesite"].lower(), attributes["path"]) == (
        True,
        "lax",
        "/",
    )
    assert not attributes["secure"]
    assert int(attributes["max-age"]) == 30 * 86_400


async def test_over_https_the_cookies_are_secure(settings):
    async with serve(settings.model_copy(update={"public_url": "https://runs.example"})) as api:
        response = await api.http.get("/auth/strava")
    [cookie] = response.headers.get_list("set-cookie")
    assert cookie.startswith("__Host-pacegraph_sign_in_")
    # What a browser asks of such a name.
    assert {"secure", "path=/", "httponly", "samesite=lax"} <= set(cookie.lower().split("; "))
    assert "domain" not in cookie.lower()
    assert response.headers["cache-control"] == "no-store"


async def test_over_https_a_session_without_the_prefix_is_nobodys(settings, strava_url):
    """Such a cookie could be planted by another host of the domain."""
    urls = {"strava_api_url": f"{strava_url}/api/v3", "strava_oauth_url": f"{strava_url}/oauth"}
    async with serve(
        settings.model_copy(update=urls | {"public_url": "https://runs.example"})
    ) as api:
        api.http.base_url = "https://runs.example"
        await sign_in(api)
        assert await viewer(api)
        kept = api.http.cookies["__Host-pacegraph_session"]
        api.http.cookies.clear()
        headers = {"cookie": f"pacegraph_session={kept}"}
        assert (await api.http.post("/graphql", json=VIEWER, headers=headers)).json()["data"][
            "viewer"
        ] is None


async def asked_with(browser, session):
    """What a viewer is who comes with this session alone."""
    headers = {"cookie": f"pacegraph_session={session}"}
    return (await browser.http.post("/graphql", json=VIEWER, headers=headers)).json()["data"][
        "viewer"
    ]


async def two_sessions(browser):
    """Sign the same athlete in with two browsers; the second one's cookies stay."""
    await sign_in(browser)
    first = browser.http.cookies["pacegraph_session"]
    browser.http.cookies.clear()
    await sign_in(browser)
    second = browser.http.cookies["pacegraph_session"]
    return first, second


async def test_signing_out_ends_this_session_alone(browser):
    other, this = await two_sessions(browser)
    response = await browser.http.post("/auth/sign-out")
    assert (response.status_code, response.headers["cache-control"]) == (204, "no-store")
    assert "pacegraph_session" not in browser.http.cookies
    assert await asked_with(browser, this) is None
    assert await asked_with(browser, other)


@pytest.mark.parametrize("value", ["1", "true"])
async def test_signing_out_everywhere_ends_every_session(browser, value):
    sessions = await two_sessions(browser)
    assert (await browser.http.post(f"/auth/sign-out?everywhere={value}")).status_code == 204
    browser.http.cookies.clear()
    assert [await asked_with(browser, each) for each in sessions] == [None, None]
    await sign_in(browser)
    assert await viewer(browser)


async def test_an_ended_session_ends_no_others(browser):
    """Else a cookie stolen long ago would sign its owner out for ever."""
    other, this = await two_sessions(browser)
    await browser.http.post("/auth/sign-out")
    headers = {"cookie": f"pacegraph_session={this}"}
    await browser.http.post("/auth/sign-out?everywhere=1", headers=headers)
    assert await asked_with(browser, other)


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"sec-fetch-site": "cross-site"},
        {"origin": "null"},
        {"origin": "http://sub.pacegraph.test"},
    ],
    ids=str,
)
@pytest.mark.parametrize("path", ["/auth/sign-out", "/auth/sign-out?everywhere=1"])
async def test_another_site_signs_nobody_out(browser, headers, path):
    await sign_in(browser)
    assert await refusal(await browser.http.post(path, headers=headers)) == (403, "CROSS_SITE")
    assert await viewer(browser)


async def test_our_own_pages_sign_out(browser):
    await sign_in(browser)
    headers = {"origin": "http://pacegraph.test", "sec-fetch-site": "same-origin"}
    assert (await browser.http.post("/auth/sign-out", headers=headers)).status_code == 204


APP = "https://app.pacegraph.test"


@pytest.fixture
async def browser_of_app(settings, strava_url):
    urls = {"strava_api_url": f"{strava_url}/api/v3", "strava_oauth_url": f"{strava_url}/oauth"}
    changes = {**urls, "cors_origins": (APP,)}
    async with serve(settings.model_copy(update=changes)) as api:
        yield api


async def test_a_page_of_an_allowed_origin_signs_out(browser_of_app):
    """With the headers without which its browser would say "Failed to fetch"."""
    await sign_in(browser_of_app)
    asks = {"origin": APP, "access-control-request-method": "POST"}
    asks["access-control-request-headers"] = "x-request-id"
    preflight = await browser_of_app.http.options("/auth/sign-out", headers=asks)
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert "x-request-id" in preflight.headers["access-control-allow-headers"]
    assert await viewer(browser_of_app)
    headers = {"origin": APP, "sec-fetch-site": "same-site"}
    response = await browser_of_app.http.post("/auth/sign-out", headers=headers)
    assert response.status_code == 204
    refused = await browser_of_app.http.post("/auth/sign-out?everywhere=maybe", headers=headers)
    assert refused.status_code == 400
    for each in (preflight, response, refused):
        assert each.headers["access-control-allow-origin"] == APP
        assert each.headers["access-control-allow-credentials"] == "true"
        assert "Origin" in each.headers["vary"]
    assert await viewer(browser_of_app) is None


async def test_a_page_of_another_origin_is_told_nothing(browser_of_app):
    asks = {"origin": "https://evil.test", "access-control-request-method": "POST"}
    preflight = await browser_of_app.http.options("/auth/sign-out", headers=asks)
    response = await browser_of_app.http.post("/auth/sign-out", headers={"origin": asks["origin"]})
    assert (preflight.status_code, response.status_code) == (204, 403)
    for each in (preflight, response):
        assert not [name for name in each.headers if name.startswith("access-control")]


@pytest.mark.parametrize("address", ["/", "/bests/KM5?by=age", f"{APP}/runs#top"])
async def test_it_comes_back_to_the_page_that_asked(browser_of_app, address):
    begun = await browser_of_app.http.get("/auth/strava", params={"returnTo": address})
    response = await browser_of_app.http.get(await authorize(begun.headers["location"]))
    assert (response.status_code, response.headers["location"]) == (303, address)
    assert await viewer(browser_of_app)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "bests",
        "//evil.test/",
        "/\\evil.test/",
        "\\/evil.test",
        "https://evil.test/",
        "https://app.pacegraph.test.evil.test/",
        "https://app.pacegraph.test@evil.test/",
        "https://user:secret@app.pacegraph.test/",
        "http://app.pacegraph.test/",
        "https:///evil.test",
        "javascript:alert(1)",
        "/\r\nset-cookie: a=b",
        "/\ta",
        "/b a",
        "/caf\u00e9",
        "/" + "a" * 500,
    ],
)
async def test_it_comes_back_to_no_other_place(browser_of_app, address):
    response = await browser_of_app.http.get("/auth/strava", params={"returnTo": address})
    assert await refusal(response) == (400, "BAD_USER_INPUT")
    assert response.json()["errors"][0]["extensions"]["field"] == "returnTo"
    assert "set-cookie" not in response.headers
    assert "location" not in response.headers


async def test_without_graphiql_who_signed_in_comes_to_the_root(settings, strava_url):
    urls = {"strava_api_url": f"{strava_url}/api/v3", "strava_oauth_url": f"{strava_url}/oauth"}
    async with serve(settings.model_copy(update={**urls, "graphiql": "off"})) as api:
        response = await sign_in(api)
        assert (response.status_code, response.headers["location"]) == (303, "/")
        assert (await api.http.get("/")).status_code == 200


async def test_signing_out_when_signed_out_does_no_harm(browser):
    for headers in ({}, {"cookie": "pacegraph_session=junk"}):
        assert (
            await browser.http.post("/auth/sign-out?everywhere=1", headers=headers)
        ).status_code == 204


async def test_signing_out_is_no_link(browser):
    assert (await browser.http.get("/auth/sign-out")).status_code == 405


async def test_everywhere_is_yes_or_no(browser):
    await sign_in(browser)
    assert await refusal(await browser.http.post("/auth/sign-out?everywhere=maybe")) == (
        400,
        "BAD_USER_INPUT",
    )


async def test_signing_in_makes_a_new_session_and_ends_the_browsers_old_one(browser):
    await sign_in(browser)
    before = browser.http.cookies["pacegraph_session"]
    await sign_in(browser)
    after = browser.http.cookies["pacegraph_session"]
    assert after != before
    assert await asked_with(browser, before) is None
    assert await asked_with(browser, after)


async def test_an_account_keeps_fifty_sessions(browser, db):
    await sign_in(browser)
    account = db.exec_driver_sql("SELECT id FROM accounts").scalar_one()
    for _ in range(60):
        make.create_session(db, account)
    await sign_in(browser)
    assert db.exec_driver_sql("SELECT count(*) FROM browser_sessions").scalar_one() == 50
    assert await viewer(browser)


FORGERIES = {
    "unsigned": {"key": "", "algorithm": "none"},
    "other-key": {"key": "another key, as long as the real one is"},
    "other-purpose": {"aud": "sign-in"},
    "expired": {"exp": datetime(2020, 1, 1, tzinfo=UTC)},
    "old-epoch": {"epoch": -1},
    "other-account": {"sub": "999999"},
    "other-session": {"sid": 999_999},
    "no-session": {"sid": None},
    "no-number": {"gen": "x"},
}


@pytest.mark.parametrize("change", [*FORGERIES.values(), {}], ids=[*FORGERIES, "sound"])
async def test_a_forged_session_is_signed_out(api, db, settings, change):
    account = make.create_account(db)
    options = {"key": settings.secret_key.get_secret_value(), "algorithm": "HS256"}
    now = datetime.now(UTC)
    claims = {"sub": str(account), "sid": make.create_session(db, account), "epoch": 0, "gen": 0}
    claims |= {"aud": "session", "iat": now, "exp": now + timedelta(hours=1)}
    for name, value in change.items():
        (options if name in options else claims)[name] = value
    found = await asked_with(api, jwt.encode(claims, **options))
    assert (found is None) is bool(change)


async def test_administrators_are_named_by_their_strava_id(settings, strava_url):
    urls = {"strava_api_url": f"{strava_url}/api/v3", "strava_oauth_url": f"{strava_url}/oauth"}
    async with serve(settings.model_copy(update=urls | {"admin_athlete_ids": (1001,)})) as browser:
        await sign_in(browser)
        assert (await viewer(browser))["scopes"] == ["ADMIN", "READ", "SYNC"]
    async with serve(settings.model_copy(update=urls)) as browser:
        await sign_in(browser)
        assert (await viewer(browser))["scopes"] == ["READ", "SYNC"]
