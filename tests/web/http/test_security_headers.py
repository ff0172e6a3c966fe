"""What every answer tells browsers, whatever it answers."""

import pytest

from tests.error_links import unlinked
from tests.graph.api import serve

pytestmark = pytest.mark.anyio

ANSWERS = [
    ("POST", "/graphql", {"json": {"query": "{ __typename }"}}),
    ("POST", "/graphql", {"json": {"query": "{"}}),
    ("POST", "/graphql", {"content": b"{", "headers": {"content-type": "application/json"}}),
    ("POST", "/graphql", {"content": b"query=x", "headers": {"content-type": "text/plain"}}),
    ("POST", "/graphql", {"json": {}, "headers": {"authorization": "Bearer pace_wrong"}}),
    ("GET", "/graphql", {"params": {"query": "{ __typename }"}}),
    ("GET", "/graphql", {"headers": {"accept": "image/png"}}),
    ("GET", "/graphql", {"headers": {"accept": "text/html"}}),
    ("OPTIONS", "/graphql", {}),
    ("DELETE", "/graphql", {}),
    ("GET", "/healthz", {}),
    ("GET", "/readyz", {}),
    ("GET", "/metrics", {}),
    ("GET", "/graphiql", {}),
    ("GET", "/", {}),
    ("GET", "/auth/strava", {}),
    ("GET", "/strava/callback", {}),
    ("GET", "/absent", {}),
    ("PUT", "/healthz", {}),
]


@pytest.mark.parametrize(("method", "path", "request_"), ANSWERS)
async def test_every_answer_says_it(api, method, path, request_):
    answer = await api.http.request(method, path, **request_)
    headers = answer.headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    if path != "/graphql":  # data: the policy below keeps it from being shown at all
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert "camera=()" in headers["permissions-policy"]
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ")
    assert "frame-ancestors 'none'" in policy
    assert headers["cache-control"] in {
        "no-store",
        "no-cache" if path in {"/graphiql", "/"} else "no-store",
    }
    assert "strict-transport-security" not in headers
    assert "server" not in headers
    for name in (
        "x-content-type-options",
        "content-security-policy",
        "cache-control",
        "x-request-id",
    ):
        assert len(headers.get_list(name)) == 1, name


@pytest.mark.parametrize("path", ["/graphiql", "/"])
async def test_the_pages_policy_lets_no_inline_script_run(api, path):
    [scripts] = [
        each
        for each in (await api.http.get(path)).headers["content-security-policy"].split("; ")
        if each.startswith("script-src")
    ]
    assert scripts == "script-src 'self'"


@pytest.mark.parametrize("path", ["/graphql?query={__typename}", "/graphiql", "/healthz"])
async def test_who_came_by_https_keeps_to_it(settings, path):
    async with serve(settings.model_copy(update={"public_url": "https://runs.example"})) as api:
        assert (await api.http.get(path)).headers["strict-transport-security"] == "max-age=31536000"


async def test_errors_of_routes_have_the_shape_of_graphqls(api):
    absent = await api.http.get("/absent")
    assert (absent.status_code, absent.json()["errors"][0]["extensions"]["code"]) == (
        404,
        "NOT_FOUND",
    )
    wrong = await api.http.put("/healthz")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")
    assert wrong.json()["errors"][0]["extensions"]["code"] == "METHOD_NOT_ALLOWED"


async def test_a_routes_parameter_that_is_wrong_is_named(api):
    def of_page(page: int) -> int:
        return page

    api.app.add_api_route("/pages", of_page)
    answer = await api.http.get("/pages", params={"page": "x"})
    assert answer.status_code == 400
    assert unlinked(answer.json()["errors"][0]["extensions"]) == {
        "code": "BAD_REQUEST",
        "field": "page",
    }


async def test_an_unexpected_error_is_masked(api):
    def fail():
        raise RuntimeError("a secret of the inside")

    api.app.add_api_route("/broken", fail)
    answer = await api.http.get("/broken", headers={"x-request-id": "mine-4711"})
    assert answer.status_code == 500
    [error] = answer.json()["errors"]
    assert error["message"] == "Something went wrong on the server."
    assert unlinked(error["extensions"]) == {"code": "INTERNAL", "requestId": "mine-4711"}
    assert answer.headers["x-request-id"] == "mine-4711"
    assert answer.headers["x-content-type-options"] == "nosniff"
