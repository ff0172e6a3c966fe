"""What other sites' pages can make a browser do here: nothing, unless CORS_ORIGINS names them."""

import pytest

from tests import factories as make
from tests.error_links import unlinked
from tests.graph.api import serve

pytestmark = pytest.mark.anyio

APP, EVIL = "https://app.example", "https://evil.test"
COOKIE = {"cookie": "pacegraph_session=whatever"}
HELLO = {"query": "{ __typename }"}
FEEDBACK = {"query": 'mutation { submitFeedback(input: {message: "hi"}) { accepted } }'}
FOREIGN = {
    "origin": {"origin": EVIL},
    "null": {"origin": "null"},
    "same-site": {"origin": "http://other.pacegraph.test"},
    "no-cors": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"},
    "link": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
}


@pytest.fixture
async def open_api(settings):
    async with serve(settings.model_copy(update={"cors_origins": (APP,)})) as api:
        yield api


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_session_does_not_serve_another_site(open_api, db, method, headers):
    request = {"params": HELLO} if method == "GET" else {"json": FEEDBACK}
    response = await open_api.http.request(method, "/graphql", headers=headers | COOKIE, **request)
    assert response.status_code == 403
    assert response.json()["errors"][0]["extensions"]["code"] == "CROSS_SITE"
    assert "access-control-allow-origin" not in response.headers
    assert db.exec_driver_sql("SELECT count(*) FROM feedback").scalar_one() == 0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": APP},
        {"origin": "http://pacegraph.test"},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
    ],
)
async def test_a_session_serves_our_own_pages(open_api, headers):
    response = await open_api.http.post("/graphql", json=HELLO, headers=headers | COOKIE)
    assert response.status_code == 200


async def test_a_token_is_no_cookie(open_api, db):
    """A page that has a token was given it."""
    headers = {"origin": EVIL, "authorization": f"Bearer {make.create_person(db).token}"}
    assert (
        await open_api.http.post("/graphql", json=HELLO, headers=headers | COOKIE)
    ).status_code == 200


async def test_forms_are_refused_whoever_sends_them(open_api, db):
    for media_type in (
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
    ):
        body = b'{"query": "mutation { submitFeedback(input: {message: \\"hi\\"}) { accepted } }"}'
        response = await open_api.http.post(
            "/graphql", content=body, headers={"content-type": media_type}
        )
        assert response.status_code == 415
        assert unlinked(response.json()["errors"][0]["extensions"]) == {
            "code": "UNSUPPORTED_MEDIA_TYPE",
            "field": "Content-Type",
        }
    assert db.exec_driver_sql("SELECT count(*) FROM feedback").scalar_one() == 0


PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "content-type,authorization",
}


async def test_a_preflight_lets_our_friends_call(open_api):
    response = await open_api.http.options("/graphql", headers={"origin": APP} | PREFLIGHT)
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == APP
    assert response.headers["access-control-allow-credentials"] == "true"
    assert "POST" in response.headers["access-control-allow-methods"]
    assert "content-type" in response.headers["access-control-allow-headers"]
    assert "Origin" in response.headers["vary"]


@pytest.mark.parametrize("origin", [EVIL, "null", "http://app.example", f"{APP}:444"])
async def test_a_preflight_keeps_others_out(open_api, origin):
    response = await open_api.http.options("/graphql", headers={"origin": origin} | PREFLIGHT)
    assert [name for name in response.headers if name.startswith("access-control")] == []


async def test_our_friends_may_read_answers_and_refusals(open_api):
    for request in (
        {"json": HELLO},
        {"content": b"{", "headers": {"content-type": "application/json"}},
    ):
        headers = request.pop("headers", {}) | {"origin": APP}
        response = await open_api.http.post("/graphql", headers=headers, **request)
        assert response.headers["access-control-allow-origin"] == APP
        assert "retry-after" in response.headers["access-control-expose-headers"]


async def test_without_the_setting_nobody_else_reads(api):
    for origin in (APP, EVIL):
        response = await api.http.post("/graphql", json=HELLO, headers={"origin": origin})
        assert response.status_code == 200
        assert [name for name in response.headers if name.startswith("access-control")] == []
    assert "Origin" not in response.headers["vary"]


async def test_a_star_lets_everybody_read_what_nobody_is_needed_for(settings):
    async with serve(settings.model_copy(update={"cors_origins": ("*",)})) as api:
        response = await api.http.post("/graphql", json=HELLO, headers={"origin": EVIL})
        assert response.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in response.headers
        assert (
            await api.http.post("/graphql", json=HELLO, headers={"origin": EVIL} | COOKIE)
        ).status_code == 403
