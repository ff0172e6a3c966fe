"""After signing in, people are where they came from; what goes wrong is a page for them."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.error_links import unlinked
from tests.graph.api import serve
from tests.web.auth.strava_form import authorize

pytestmark = pytest.mark.anyio

APP = "https://app.example"
PERSON = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
CONNECT = """mutation($input: ConnectStravaInput) { connectStrava(input: $input) {
    authorizationUrl userErrors { field code message } } }"""


@pytest.fixture
async def browser(settings, strava_url):
    changes = {
        "strava_api_url": f"{strava_url}/api/v3",
        "strava_oauth_url": f"{strava_url}/oauth",
        "cors_origins": (APP,),
    }
    async with serve(settings.model_copy(update=changes)) as api:
        yield api


async def begin(browser, return_to, **headers):
    return await browser.http.get("/auth/strava", params={"returnTo": return_to}, headers=headers)


def links_of(page):
    return [
        (address.replace("&amp;", "&"), name)
        for address, name in re.findall(r'<a href="([^"]*)">([^<]*)</a>', page.text)
    ]


@pytest.mark.parametrize("return_to", ["/runs?page=2#top", f"{APP}/runs/7;a?x=%20y"])
async def test_a_sign_in_comes_back(browser, return_to):
    begun = await begin(browser, return_to)
    back = await browser.http.get(await authorize(begun.headers["location"]))
    assert (back.status_code, back.headers["location"]) == (303, return_to)


async def test_the_mutation_takes_it_too(browser):
    body = {"query": CONNECT, "variables": {"input": {"returnTo": f"{APP}/done"}}}
    answer = (await browser.http.post("/graphql", json=body)).json()["data"]["connectStrava"]
    back = await browser.http.get(await authorize(answer["authorizationUrl"]))
    assert back.headers["location"] == f"{APP}/done"
    body["variables"]["input"]["returnTo"] = "https://evil.example"
    answer = (await browser.http.post("/graphql", json=body)).json()["data"]["connectStrava"]
    assert answer["authorizationUrl"] is None
    [error] = answer["userErrors"]
    assert (error["field"], error["code"]) == (["input", "returnTo"], "INVALID")


@pytest.mark.parametrize("return_to", ["https://evil.example", "//evil.example", "/\\evil", ""])
async def test_no_open_redirect(browser, return_to):
    refused = await begin(browser, return_to)
    assert refused.status_code == 400
    assert "location" not in refused.headers
    assert "set-cookie" not in refused.headers
    assert unlinked(refused.json()["errors"][0]["extensions"]) == {
        "code": "BAD_USER_INPUT",
        "field": "returnTo",
    }
    page = await begin(browser, return_to, **PERSON)
    assert (page.status_code, page.headers["content-type"]) == (400, "text/html; charset=utf-8")
    assert "evil" not in page.text
    assert links_of(page) == [("/auth/strava", "Start again")]


async def test_who_denies_gets_a_page_with_the_ways_on(browser):
    begun = await begin(browser, f"{APP}/runs?a=1&b=2")
    back = await authorize(begun.headers["location"], decision="cancel")
    page = await browser.http.get(back, headers=PERSON)
    assert page.status_code == 400
    assert "<h1>You are not signed in</h1>" in page.text
    assert "You did not allow Strava to share your data" in page.text
    (again, _), (home, _) = links_of(page)
    assert home == f"{APP}/runs?a=1&b=2"
    assert parse_qs(urlsplit(again).query) == {"returnTo": [home]}
    assert (await browser.http.get(again)).status_code == 303
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["vary"].startswith("Accept")


async def test_programs_get_json_as_before(browser):
    begun = await begin(browser, "/x")
    back = await authorize(begun.headers["location"], decision="cancel")
    answer = await browser.http.get(back)
    assert answer.json()["errors"][0]["extensions"]["code"] == "SIGN_IN_DENIED"


async def test_an_expired_sign_in_is_a_page_too(browser):
    page = await browser.http.get("/strava/callback?state=x&code=y", headers=PERSON)
    assert page.status_code == 400
    assert "has expired" in page.text
    assert links_of(page) == [("/auth/strava", "Start again")]


async def test_a_missing_permission_signs_in_and_says_so(browser):
    begun = await begin(browser, "/x")
    back = await authorize(begun.headers["location"], ticked=["read"])
    page = await browser.http.get(back, headers=PERSON)
    assert (page.status_code, "session" in page.headers["set-cookie"]) == (403, True)
    assert "<h1>You are signed in, but nothing can be synced</h1>" in page.text
    assert [address for address, _ in links_of(page)] == ["/auth/strava?returnTo=%2Fx", "/x"]
