"""What every answer has: headers that tell of the end, errors in both forms, CORS, and nothing that
is kept.
"""

from datetime import date

import pytest

from tests import factories as make
from tests.legacy.rest.conftest import serve_rest
from web.auth.cookies import Cookies

pytestmark = pytest.mark.anyio

DATES = {"legacy_deprecated_on": date(2026, 11, 23), "legacy_sunset_on": date(2027, 5, 31)}
PAGE = "https://app.example"


def assert_legacy(response) -> None:
    assert response.headers["deprecation"] == "@1795392000"
    assert response.headers["sunset"] == "Mon, 31 May 2027 00:00:00 GMT"
    links = {each["rel"]: each["url"] for each in response.links.values()}
    assert links["successor-version"] == "http://pacegraph.test/graphql"
    assert links["deprecation"] == links["sunset"] == "http://pacegraph.test/docs"
    assert response.headers["x-request-id"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/athletes", 200),
        ("HEAD", "/v1/athletes", 200),
        ("OPTIONS", "/v1/athletes", 204),
        ("GET", "/v1/athletes/me", 401),
        ("GET", "/v1/athletes/1", 404),
        ("GET", "/v1/athletes/not-an-id", 422),
        ("GET", "/v1/activities?limit=none", 422),
        ("POST", "/v1/activities", 405),
        ("DELETE", "/v1/activities", 405),
        ("GET", "/v1/nothing", 404),
        ("GET", "/strava/sync/1", 404),
        ("GET", "/feedback", 405),
        ("POST", "/strava/sync", 401),
        ("GET", "/health", 200),
    ],
)
async def test_every_answer_tells_of_the_end(settings, method, path, status):
    async with serve_rest(settings, **DATES) as rest:
        response = await rest.send(method, path)
    assert response.status_code == status, response.text
    assert_legacy(response)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-content-type-options"] == "nosniff"
    if status >= 400:
        body = response.json()
        [*_, error] = body["errors"]
        assert error["extensions"]["code"]
        assert body["detail"] == error["message"] or body["detail"][-1]["msg"] in error["message"]
    if status == 405:
        assert "OPTIONS" in response.headers["allow"]
    if status == 401:
        assert response.headers["www-authenticate"] == "Bearer"


async def test_only_the_older_services_addresses_tell_of_it(settings):
    async with serve_rest(settings) as rest:
        for path in ("/healthz", "/docs", "/openapi.json", "/v10", "/strava/callback", "/nothing"):
            assert "deprecation" not in (await rest.get(path)).headers
        assert "deprecation" not in (await rest.post("{ __typename }")).headers


@pytest.mark.parametrize("token", ["wrong", "pace_wrong", "ünknown"])
async def test_a_token_that_is_no_good(rest, token):
    response = await rest.get(
        "/v1/athletes", headers={"authorization": f"Bearer {token}".encode("latin-1")}
    )
    assert response.status_code == 401
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert_legacy(response)


@pytest.mark.parametrize(
    ("path", "field", "code"),
    [
        ("/v1/activities?limit=0", "limit", "OUT_OF_RANGE"),
        ("/v1/activities?limit=1001", "limit", "OUT_OF_RANGE"),
        ("/v1/activities?offset=100001", "offset", "OUT_OF_RANGE"),
        ("/v1/activities?offset=9999999999999999999999", "offset", "OUT_OF_RANGE"),
        ("/v1/activities?limit=1000&page=102", "page", "OUT_OF_RANGE"),
        ("/v1/activities?since=yesterday", "since", "BAD_USER_INPUT"),
        ("/v1/activities?since=0001-01-01", "since", "BAD_USER_INPUT"),
        ("/v1/activities?until=9999-12-31", "until", "BAD_USER_INPUT"),
        ("/v1/activities?since=0001-01-01T00:00:00%2B14:00", "since", "BAD_USER_INPUT"),
        ("/v1/activities?sport=%00", "sport", "BAD_USER_INPUT"),
        ("/v1/activities?min_distance_m=nan", "min_distance_m", "BAD_USER_INPUT"),
        ("/v1/activities?athlete_id=x", "athlete_id", "INVALID_ID"),
        ("/v1/activities/QXRobGV0ZTox", "activity_id", "INVALID_ID"),
        ("/v1/activities/%00", "activity_id", "INVALID_ID"),
        ("/v1/athletes/" + "1" * 50, "athlete_id", "INVALID_ID"),
        ("/v1/athletes/9223372036854775808", "athlete_id", "INVALID_ID"),
        ("/v1/athletes/" + "x" * 10_000, "athlete_id", "INVALID_ID"),
        ("/strava/sync/status/celery-task", "task_id", "INVALID_ID"),
        ("/v1/age-grade?distance=5k&time=1200&sex=M", "age", "BAD_USER_INPUT"),
        (
            "/v1/age-grade?distance=5k&time=1200&sex=M&age=40&birth_date=1980-01-01",
            "age",
            "BAD_USER_INPUT",
        ),
        (
            "/v1/age-grade?distance=5k&time=1200&sex=M&birth_date=2980-01-01",
            "birth_date",
            "BAD_USER_INPUT",
        ),
        ("/v1/age-grade?distance=5k&time=1200&sex=X&age=40", "sex", "BAD_USER_INPUT"),
        ("/v1/age-grade?distance=5k&time=soon&sex=M&age=40", "time", "BAD_USER_INPUT"),
        ("/v1/age-grade?distance=5k&time=0&sex=M&age=40", "time", "BAD_USER_INPUT"),
        ("/v1/age-grade?distance=1e400&time=1200&sex=M&age=40", "distance", "BAD_USER_INPUT"),
        ("/v1/age-grade?distance=1&time=1200&sex=M&age=40", "distance", "BAD_USER_INPUT"),
        ("/v1/age-grade?distance=5k&time=1200&sex=M&age=3", "age", "BAD_USER_INPUT"),
        ("/v1/age-grade?distance=5k&time=1200&sex=M&age=151", "age", "OUT_OF_RANGE"),
        (
            "/v1/age-grade?distance=5k&time=1200&sex=M&age=40&table=ROAD_1",
            "table",
            "BAD_USER_INPUT",
        ),
    ],
)
async def test_bad_input_is_named(rest, people, path, field, code):
    response = await rest.get(path, people.owner.token)
    assert response.status_code == 422, response.text
    [error] = response.json()["errors"]
    assert (error["extensions"]["field"], error["extensions"]["code"]) == (field, code)
    assert f"`{field}`" in error["message"]
    [detail] = response.json()["detail"]
    assert detail["loc"][-1] == field
    assert detail["msg"] in error["message"]
    assert detail["type"]


async def test_all_that_is_wrong_is_told_at_once(rest):
    response = await rest.get("/v1/activities?limit=x&offset=-1")
    body = response.json()
    assert [each["extensions"]["field"] for each in body["errors"]] == ["limit", "offset"]
    assert [each["loc"] for each in body["detail"]] == [["query", "limit"], ["query", "offset"]]
    assert {each["type"] for each in body["detail"]} == {"int_parsing", "greater_than_equal"}


async def test_each_fault_tells_where_it_was_given(rest, people):
    response = await rest.send(
        "POST",
        "/strava/sync?since=x&athlete_id=y",
        people.owner.token,
        json={"mode": "all", "athlete_id": True},
    )
    found = {detail["loc"][1]: detail["loc"][0] for detail in response.json()["detail"]}
    assert found == {"since": "query", "mode": "body", "athlete_id": "body"}
    for query, body, where in (
        ("", None, "body"),
        ("contact=x", None, "query"),
        ("", {"contact": "x"}, "body"),
    ):
        response = await rest.send("POST", f"/feedback?{query}", json=body)
        assert response.json()["detail"][0]["loc"] == [where, "message"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "/v1/age-grade?distance=5k&time=0&sex=M&age=40",
            "`time`: it must be more than 0: write seconds, or",
        ),
        (
            "/v1/age-grade?distance=5k&time=0:00&sex=M&age=40",
            "`time`: it must be more than 0: write seconds, or",
        ),
        (
            "/v1/age-grade?distance=-1&time=9&sex=M&age=40",
            "`distance`: it must be more than 0: write meters, or",
        ),
        (
            "/v1/age-grade?distance=5000000&time=9&sex=M&age=40",
            "`distance` is outside ROAD_2025: 1609.34 to 200000. No table covers it: give a value",
        ),
    ],
)
async def test_messages_say_it_in_the_callers_words(rest, path, said):
    assert (await rest.get(path)).json()["errors"][0]["message"].startswith(said)


async def test_a_mode_is_told_as_it_is_documented(rest, people):
    response = await rest.send("POST", "/strava/sync?mode=some", people.owner.token)
    assert "'incremental' or 'full'" in response.json()["errors"][0]["message"]
    for mode in ("full", "FULL"):
        assert (
            await rest.send("POST", f"/strava/sync?mode={mode}", people.owner.token)
        ).status_code == 200


@pytest.mark.parametrize(
    "query", ["a=%ff", "&".join(f"p{number}=1" for number in range(60)), "limit=%80"]
)
async def test_addresses_that_make_no_sense(rest, query):
    response = await rest.get(f"/v1/athletes?{query}")
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (
        400,
        "BAD_REQUEST",
    )


# --- pages of other sites


async def test_pages_may_read_the_headers_where_they_may_call(settings):
    async with serve_rest(settings, cors_origins=(PAGE,)) as rest:
        for path in ("/v1/athletes", "/v1/athletes/me", "/v1/nothing", "/health"):
            headers = (await rest.get(path, headers={"origin": PAGE})).headers
            assert headers.get_list("access-control-allow-origin") == [PAGE]
            assert headers["access-control-allow-credentials"] == "true"
            exposed = headers["access-control-expose-headers"].split(", ")
            assert {"deprecation", "link", "sunset", "ratelimit", "retry-after"} <= {*exposed}
        other = await rest.get("/v1/athletes", headers={"origin": "https://other.example"})
        assert "access-control-allow-origin" not in other.headers


async def test_preflights(settings):
    async with serve_rest(settings, cors_origins=(PAGE,)) as rest:
        asked = {
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type",
        }
        answer = await rest.send("OPTIONS", "/strava/sync", headers={"origin": PAGE, **asked})
        assert answer.status_code == 204
        assert answer.headers["access-control-allow-origin"] == PAGE
        assert "POST" in answer.headers["access-control-allow-methods"]
        assert "authorization" in answer.headers["access-control-allow-headers"]
        other = await rest.send(
            "OPTIONS", "/strava/sync", headers={"origin": "https://other.example", **asked}
        )
        assert "access-control-allow-methods" not in other.headers


async def cookie_of(rest, db, person) -> str:
    session = make.create_session(db, person.account_id)
    cookies = Cookies(rest.app.state.services.settings)
    made = cookies.new_session(session, person.account_id, 0)
    return cookies.session_header(made).partition(";")[0]


async def test_a_session_works_and_other_sites_may_not_use_it(rest, db, people):
    cookie = await cookie_of(rest, db, people.owner)
    own = await rest.get("/v1/athletes/me", headers={"cookie": cookie})
    assert (own.status_code, own.json()["graphql_id"]) == (200, people.owner.id)
    for method, path in (
        ("GET", "/v1/athletes/me"),
        ("POST", f"/v1/athletes/{people.owner.id}/recalculate-pbs"),
    ):
        for forged in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
            response = await rest.send(method, path, headers={"cookie": cookie, **forged})
            assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (
                403,
                "CROSS_SITE",
            )
    assert (
        db.exec_driver_sql("SELECT count(*) FROM jobs WHERE kind = 'PERSONAL_BESTS'").scalar_one()
        == 0
    )


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"]
)
async def test_forms_are_not_taken(rest, content_type):
    body = b'{"message": "forged"}'
    response = await rest.send(
        "POST", "/feedback", content=body, headers={"content-type": content_type}
    )
    assert (response.status_code, response.json()["errors"][0]["extensions"]["field"]) == (
        415,
        "Content-Type",
    )


@pytest.mark.parametrize(("caller", "status"), [("owner", 200), ("nobody", 415)])
async def test_a_body_without_a_type_is_json_of_who_sends_a_token(rest, people, caller, status):
    response = await rest.send(
        "POST", "/feedback", people.tokens[caller], content=b'{"message": "x"}'
    )
    assert response.status_code == status, response.text


@pytest.mark.parametrize(
    "path", ["/v1/athletes", "/v1/athletes/me", "/v1/activities", "/v1/age-grade", "/strava/sync"]
)
async def test_a_slash_at_the_end_changes_nothing(rest, people, path):
    plain, slashed = [await rest.get(each, people.owner.token) for each in (path, f"{path}/")]
    assert (plain.status_code, plain.content) == (slashed.status_code, slashed.content)
    assert plain.status_code in {200, 405, 422}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 422),
        (b"[]", 422),
        (b"7", 422),
        (b'"x"', 422),
        (b"\xff", 422),
        (b"x" * 300_000, 413),
        (b"[" * 9999, 422),
    ],
)
async def test_bodies_that_make_no_sense(rest, body, status):
    response = await rest.send(
        "POST", "/feedback", content=body, headers={"content-type": "application/json"}
    )
    assert response.status_code == status, response.text
    assert response.json()["errors"][0]["extensions"]["code"] in {
        "BAD_USER_INPUT",
        "BODY_TOO_LARGE",
    }


async def test_large_answers_are_compressed(rest, db, people):
    for _ in range(30):
        make.create_activity(db, people.owner.athlete_id)
    response = await rest.get(
        "/v1/activities", people.owner.token, headers={"accept-encoding": "gzip"}
    )
    assert response.headers["content-encoding"] == "gzip"
    assert len(response.json()) == 32


async def test_whatever_is_accepted_json_comes(rest):
    for accept in ("text/html", "application/xml", "*/*", "nonsense"):
        response = await rest.get("/v1/athletes", headers={"accept": accept})
        assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
