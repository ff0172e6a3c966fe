"""Operations that schemathesis makes of the schema, and requests that are hardly HTTP: nothing
breaks the API process.

Each answer is one of GraphQL over HTTP, below 500; each error has a code, and tells nothing of what
is inside.
"""

import asyncio
import itertools
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import schemathesis
from graphql import build_schema, introspection_from_schema
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from graph.global_id import decode_id_of
from tests.factories import create_token
from tests.graph.populated import populate
from tests.security.http_connection import Answer, Connection, request
from tests.security.table import LEAKS, ROOT
from tests.web.api_process import api_process

pytestmark = pytest.mark.fuzz

_SCHEMA = introspection_from_schema(build_schema((ROOT / "schema.graphql").read_text()))
"""Schemathesis reads no text that declares @defer: graphql-core's `execute` refuses it."""
OPERATIONS = list(schemathesis.graphql.from_dict(dict(_SCHEMA)).get_all_operations())
PART = int(os.environ.get("FUZZ_PART", "1"))
"""One of so many operations and requests is sent: all by default, a sample in CI."""
EACH = 140 // PART  # some operations have fewer forms
MALFORMED = 400 // PART
ACCEPT = "application/graphql-response+json"
EXPECTED = {200, 294, 400, 401, 404, 405, 406, 408, 411, 413, 414, 415, 422, 429, 431}
_ID = re.compile(r'\b((?:id|\w+Id): )(?:"(?:[^"\\]|\\.)*"|-?\d+)')


def _fuzzing(examples: int) -> settings:
    return settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with asyncio.Runner() as runner:
        yield runner.get_loop()


@pytest.fixture
def api(settings, db, tmp_path: Path, loop):
    """The way to a process with everything on, asked by nobody, an athlete and an administrator in
    turn.
    """
    population = populate(db, athletes=6)
    athlete = next(iter(population.ids["Athlete"]))
    tokens = itertools.cycle([None, _token_of(db, athlete), population.admin.token])
    real = itertools.cycle(
        [each for ids in zip(*_readable(population.ids), strict=False) for each in ids]
    )
    with api_process(settings, tmp_path) as process:
        connection = Connection(process.address)

        def send(make: Callable[[str | None, Callable[[], str]], bytes]) -> Answer:
            return loop.run_until_complete(connection.send(make(next(tokens), lambda: next(real))))

        yield send
        assert loop.run_until_complete(connection.send(request("GET", "/readyz"))).status == 200
        loop.run_until_complete(connection.end())


def _readable(ids: dict[str, list[str]]) -> list[list[str]]:
    # else one revokes what the others ask with
    return [each for name, each in ids.items() if name != "ApiToken"]


def _token_of(db, athlete: str) -> str:
    found = db.execute(
        text("SELECT id FROM accounts WHERE athlete_id = :id"),
        {"id": decode_id_of("Athlete", athlete, "id")},
    )
    return create_token(db, found.scalar_one())


def test_three_thousand_operations_break_nothing(api):
    told: Counter[str] = Counter()
    for operation in OPERATIONS:

        @_fuzzing(EACH)
        @given(operation.ok().as_strategy())
        def ask(case) -> None:
            def make(token: str | None, real: Callable[[], str]) -> bytes:
                query = _ID.sub(lambda found: f'{found[1]}"{real()}"', case.body)
                headers = {
                    "accept": ACCEPT,
                    **({"authorization": f"Bearer {token}"} if token else {}),
                }
                return request("POST", "/graphql", headers, json.dumps({"query": query}).encode())

            answer = api(make)
            _check(answer)
            told[f"{answer.status} {answer.code}".strip()] += 1

        ask()
    sys.stdout.write(f"{dict(told.most_common())}\n")
    assert sum(told.values()) >= 3000 // PART
    assert told["200"] > 300 // PART  # and not everything was refused


_WORD = st.text(
    st.characters(min_codepoint=33, max_codepoint=126, exclude_characters=":"), max_size=30
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=12), inner, max_size=5)
    ),
    max_leaves=20,
)
_MEMBERS = ("query", "variables", "operationName", "extensions", "documentId", "id")
_ENVELOPE = st.fixed_dictionaries({}, optional=dict.fromkeys(_MEMBERS, _JSON)).map(
    lambda each: json.dumps(each).encode()
)
_HEADERS = st.dictionaries(
    st.sampled_from([
        "accept", "accept-encoding", "authorization", "cookie", "content-type", "content-encoding", "origin",
        "graphql-cost", "x-request-id", "x-forwarded-for", "if-none-match", "range", "expect",
    ]),
    _WORD, max_size=4,
)  # fmt: skip


@_fuzzing(MALFORMED)
@given(
    method=st.sampled_from(["POST", "GET", "PUT", "OPTIONS", "DELETE", "PATCH"]),
    target=st.sampled_from(
        ["/graphql", "/graphql", "/graphql?query=", "/strava/callback", "/auth/sign-out", "/a"]
    ),
    suffix=st.just("") | st.text(st.sampled_from("ab{}&=%20/?._-"), max_size=20),
    headers=_HEADERS,
    body=st.none()
    | st.binary(max_size=200)
    | _ENVELOPE
    | _JSON.map(lambda each: json.dumps(each).encode()),
)
def _send_malformed(api, told, method, target, suffix, headers, body):
    answer = api(lambda *_: request(method, target + suffix, headers, body))
    told[answer.status] += 1
    assert answer.status < 500, answer.body
    assert not LEAKS.search(answer.body.decode(errors="replace")), answer.body


def test_malformed_requests_break_nothing(api):
    told: Counter[int] = Counter()
    _send_malformed(api, told)
    sys.stdout.write(f"{dict(told)}\n")


def _check(answer: Answer) -> None:
    assert answer.status in EXPECTED, (answer.status, answer.body)
    assert answer.header("content-type").startswith(ACCEPT), answer.head
    body = json.loads(answer.body)
    assert body.keys() <= {"data", "errors", "extensions"}, body
    assert (answer.status in {200, 294}) == ("data" in body), body
    assert (answer.status != 200) == bool(body.get("errors")), body
    for error in body.get("errors", ()):
        assert error.keys() <= {"message", "locations", "path", "extensions"}, error
        assert re.fullmatch("[A-Z_]+", error["extensions"]["code"]), error
        assert error["extensions"]["code"] != "INTERNAL", error
        assert not LEAKS.search(error["message"]), error
