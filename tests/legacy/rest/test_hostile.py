"""Requests that schemathesis makes of the REST routes' OpenAPI document, and worse ones: nothing
breaks an API process.

Each answer is one that the document knows; each error has a code, and `detail`; none is a 5xx.
"""

import itertools
import json
import re
from urllib.parse import quote

import httpx
import jsonschema_rs
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from legacy.rest.response_headers import is_legacy
from tests.security.table import LEAKS
from tests.web.api_process import api_process

pytestmark = pytest.mark.whole

EACH = 25
MALFORMED = 250
_ID = re.compile(r"\{(\w+)\}")


def fuzzing(examples: int) -> settings:
    return settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


@pytest.fixture
def http(request, people, tmp_path):
    settings = request.getfixturevalue("settings")
    with (
        api_process(settings, tmp_path, sharing="on") as process,
        httpx.Client(base_url=f"http://{process.address}", trust_env=False) as http,
    ):
        yield http
        assert http.get("/readyz").status_code == 200


def check(response: httpx.Response) -> None:
    assert response.status_code < 500, response.text
    assert response.headers["sunset"]
    assert response.headers["deprecation"].startswith("@")
    assert not LEAKS.search(response.text), response.text
    if response.status_code >= 400:
        body = response.json()
        assert body["detail"]
        for error in body["errors"]:
            assert re.fullmatch("[A-Z_]+", error["extensions"]["code"])
            assert error["message"]


def test_what_the_document_allows_breaks_nothing(http, people):
    document = http.get("/openapi.json").json()
    tokens = itertools.cycle([*people.tokens.values()])
    statuses: dict[int, int] = {}
    schema = schemathesis.openapi.from_dict(document)
    operations = [each.ok() for each in schema.get_all_operations() if is_legacy(each.ok().path)]
    assert len(operations) > 15
    for operation in operations:
        fuzz(
            operation,
            lambda case, of=operation: answered(
                http, people, document, statuses, next(tokens), of, case
            ),
        )
    assert statuses[200] > 50, statuses
    assert statuses.get(429, 0) == 0, statuses


def fuzz(operation, send) -> None:
    @fuzzing(EACH)
    @given(operation.as_strategy())
    def ask(case) -> None:
        send(case)

    ask()


def answered(http, people, document, statuses, token, operation, case) -> None:
    path = _ID.sub(lambda found: identifier(case, people, found[1]), operation.path)
    response = http.request(
        case.method, path, params=sendable(case.query), json=body_of(case),
        headers={"authorization": f"Bearer {token}"} if token else {},
    )  # fmt: skip
    check(response)
    statuses[response.status_code] = statuses.get(response.status_code, 0) + 1
    answer_fits(document, operation, response)


def identifier(case, people, name: str) -> str:
    """A real id half of the time."""
    made = str((case.path_parameters or {}).get(name, ""))
    return people.ids[name] if len(made) % 2 == 0 else quote(made, safe="")


def sendable(query) -> list[tuple[str, str]]:
    pairs = []
    for name, value in (query or {}).items():
        values = value if isinstance(value, list) else [value]
        pairs += [(name, "" if each is None else str(each)) for each in values]
    return [(name, value.encode("utf-8", "ignore").decode()) for name, value in pairs]


def body_of(case):
    body = getattr(case, "body", None)
    return body if isinstance(body, dict | list) else None


def answer_fits(document: dict, operation, response: httpx.Response) -> None:
    responses = document["paths"][operation.path][operation.method]["responses"]
    described = responses.get(str(response.status_code)) or responses["default"]
    schema = described["content"]["application/json"]["schema"] | {
        "components": document["components"]
    }
    jsonschema_rs.validator_for(schema).validate(response.json())


_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
_PATHS = [
    "/v1/athletes",
    "/v1/activities",
    "/v1/age-grade",
    "/strava/sync",
    "/feedback",
    "/v1",
    "/v1/athletes/me",
]
_VALUE = (
    _TEXT
    | st.integers().map(str)
    | st.floats().map(str)
    | st.sampled_from(["\x00", "%", "null", "{}", "1e999"])
)
_NAME = st.sampled_from([
    "limit", "offset", "page", "since", "until", "sport", "athlete_id", "distance", "time", "age", "birth_date", "sex",
    "table", "min_distance_m", "date",
])  # fmt: skip


@fuzzing(MALFORMED)
@given(
    method=st.sampled_from(["GET", "GET", "GET", "POST", "POST", "PUT", "OPTIONS"]),
    path=st.sampled_from(_PATHS)
    | st.sampled_from(_PATHS)
    | st.builds("{}/{}".format, st.sampled_from(_PATHS), _TEXT.filter(bool)),
    query=st.just([]) | st.lists(st.tuples(_NAME | _TEXT, _VALUE), max_size=6),
    body=st.none()
    | st.binary(max_size=60)
    | st.dictionaries(_TEXT, _TEXT | st.integers()).map(json.dumps),
    content_type=st.sampled_from(
        ["application/json", "text/plain", "application/json; charset=latin-1", ""]
    ),
)
def send_malformed(http, told, method, path, query, body, content_type):
    response = http.request(
        method,
        quote(path, safe="/"),
        params=query,
        content=body,
        headers={"content-type": content_type},
    )
    told[response.status_code] = told.get(response.status_code, 0) + 1
    check(response)


def test_malformed_requests_break_nothing(http):
    told: dict[int, int] = {}
    send_malformed(http, told)
    assert told[422] > 20, told
    assert told[200] > 10, told


TARGETS = [
    "/v1/activities?offset=99999999999999999999999999999999",
    "/v1/activities?limit=" + "9" * 5000,
    "/v1/activities?sport=" + "x," * 3000,
    "/v1/athletes/" + "A" * 60_000,
    "/v1/athletes/%00%ff",
    "/v1/athletes/..%2f..%2fetc",
    "/v1/activities?since=2026-01-01T00:00:00%00",
    "/v1/activities?" + "&".join(f"sport={number}" for number in range(49)),
    "/v1/age-grade?distance=%E2%88%9E&time=1:2:3:4&age=-1&sex=%F0%9F%8F%83",
    "/strava/sync/" + "9" * 400,
]


def test_hostile_addresses(http, people):
    headers = {"authorization": f"Bearer {people.owner.token}"}
    for target in TARGETS:
        response = http.get(target, headers=headers)
        assert response.status_code in {200, 400, 404, 422}, response.text
        check(response)
    response = http.get("/v1/activities?offset=100000&limit=1000", headers=headers)
    assert response.json() == []
    assert response.elapsed.total_seconds() < 2
