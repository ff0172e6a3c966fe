"""How answers go out: compressed where that tells nothing, and kept where they are everybody's."""

import json

import pytest

from tests import factories as make
from tests.graph.api import serve
from tests.web.http.test_compression import DECODE

pytestmark = pytest.mark.anyio

SCHEMA = {"query": "{ __schema { types { name description } } }"}
SMALL = {"query": "{ __typename }"}


async def raw(api, body, **headers):
    """The answer, with its body as it came."""
    async with api.http.stream("POST", "/graphql", json=body, headers=headers) as response:
        return response, b"".join([part async for part in response.aiter_raw()])


@pytest.mark.parametrize("coding", DECODE)
async def test_a_large_answer_is_compressed(api, coding):
    plain, body = await raw(api, SCHEMA, **{"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    packed, compressed = await raw(api, SCHEMA, **{"accept-encoding": f"{coding}, deflate"})
    assert packed.headers["content-encoding"] == coding
    assert int(packed.headers["content-length"]) == len(compressed) < len(body) / 2
    assert json.loads(DECODE[coding](compressed))["data"] == json.loads(body)["data"]
    assert "Accept-Encoding" in packed.headers["vary"]
    assert "Accept-Encoding" in plain.headers["vary"]


async def test_a_small_answer_is_not(api):
    response, _ = await raw(api, SMALL, **{"accept-encoding": "gzip, br, zstd"})
    assert "content-encoding" not in response.headers


async def test_unless_nothing_else_is_accepted(api):
    response, body = await raw(api, SMALL, **{"accept-encoding": "gzip, identity;q=0"})
    assert response.headers["content-encoding"] == "gzip"
    assert json.loads(DECODE["gzip"](body))["data"] == {"__typename": "Query"}


async def test_a_secret_is_never_compressed(settings, db):
    """The length of secret and chosen text, compressed together, would tell the secret letter by
    letter.
    """
    token = make.create_person(db).token
    fields = " ".join(f"n{number}: __typename" for number in range(200))
    body = {
        "query": f"mutation($i: CreateApiTokenInput!) {{ createApiToken(input: $i) {{ secret ...f }} }} "
        f"fragment f on CreateApiTokenPayload {{ {fields} }}",
        "variables": {"i": {"name": "phone", "scopes": ["READ"]}},
    }
    everything = {"accept-encoding": "gzip, br, zstd", "authorization": f"Bearer {token}"}
    async with serve(settings.model_copy(update={"document_max_aliases": 1000})) as api:
        response, answer = await raw(api, body, **everything)
    assert len(answer) > 2000
    assert json.loads(answer)["data"]["createApiToken"]["secret"]
    assert "content-encoding" not in response.headers


async def test_what_everybody_is_told_may_be_kept(api):
    response = await api.http.get("/graphql", params=SCHEMA)
    assert response.headers["cache-control"].startswith("public, max-age=")
    assert int(response.headers["age"]) >= 0
    assert {"Authorization", "Cookie", "Accept", "Accept-Encoding"} <= set(
        response.headers["vary"].split(", ")
    )
    assert "ratelimit" not in response.headers
    assert "extensions" not in response.json()


async def test_nothing_else_may(api, db):
    token = make.create_person(db).token
    headers = {"authorization": f"Bearer {token}"}
    answers = [
        await api.http.post("/graphql", json=SCHEMA),
        await api.http.get("/graphql", params={"query": "{ viewer { scopes } }"}, headers=headers),
        await api.http.get("/graphql", params={"query": "{ viewer { scopes } }"}),
        await api.http.get("/graphql", params={"query": "{ absent }"}),
        await api.http.get(
            "/graphql",
            params={"query": 'mutation { submitFeedback(input: {message: "hi"}) { accepted } }'},
        ),
    ]
    assert [each.headers["cache-control"] for each in answers] == ["no-store"] * 5
    assert [each for each in answers if "age" in each.headers] == []
