"""Attacks on what others own: by ids, by what answers tell, by caches, by documents that should not
run.
"""

import json
from hashlib import sha256
from statistics import median
from time import perf_counter

from tests.security.attacks.world import ACCEPT, Attacks, World, data_of, outcome
from tests.security.http_connection import Connection, post, request

access = Attacks()

OWASP, STRAWBERRY = "OWASP", "Strawberry"
_WALK, _PERSISTED = (
    "tests/graph/test_privacy_walk.py",
    "tests/web/documents/test_persisted_documents.py",
)
_NODE = "query($id: ID!) { node(id: $id) { __typename id } }"


@access.add(
    "IDOR by `node`",
    f"{OWASP} IDOR",
    "another's athlete, activity, effort, best and job, by id",
    "200",
    _WALK,
)
async def _(world: World) -> str:
    for name, identifier in world.hidden.items():
        answer = await world.ask(_NODE, world.attacker.token, variables={"id": identifier})
        assert data_of(answer) == {"node": None}, name
        mine = await world.ask(_NODE, world.victim.token, variables={"id": identifier})
        assert data_of(mine)["node"]["id"] == identifier, name  # it is there
    return outcome(answer)


@access.add("IDOR by `nodes`", f"{OWASP} IDOR", "the same, all at once", "200", _WALK)
async def _(world: World) -> str:
    ids = list(world.hidden.values())
    answer = await world.ask(
        "query($ids: [ID!]!) { nodes(ids: $ids) { id } }",
        world.attacker.token,
        variables={"ids": ids},
    )
    assert data_of(answer) == {"nodes": [None] * len(ids)}
    return outcome(answer)


@access.add("Type confusion by `node`", f"{STRAWBERRY} CVE-2025-22151", "an activity's number, as an id of each type",
            "200", "tests/graph/test_contract.py")  # fmt: skip
async def _(world: World) -> str:
    for name, identifier in world.hidden.items():
        query = f"query($id: ID!) {{ node(id: $id) {{ __typename ... on {name} {{ id }} }} }}"
        answer = await world.ask(query, world.victim.token, variables={"id": identifier})
        assert data_of(answer) == {"node": {"__typename": name, "id": identifier}}
    return outcome(answer)


@access.add("An oracle of what exists", f"{OWASP} access control", "a hidden id and one that was never given",
            "200", "tests/graph/test_privacy_oracle.py")  # fmt: skip
async def _(world: World) -> str:
    never = "QXRobGV0ZTo5OTk5OTk5OTk="
    query = "query($id: ID!) { athlete(id: $id) { id activities { totalCount } } }"
    hidden = await world.ask(query, world.attacker.token, variables={"id": world.victim.id})
    absent = await world.ask(query, world.attacker.token, variables={"id": never})
    assert data_of(hidden) == data_of(absent) == {"athlete": None}
    return outcome(hidden)


@access.add("An oracle of time", f"{OWASP} access control", "the same, 200 times each: medians within a factor of 1.5",
            "200", "tests/graph/test_privacy_oracle.py")  # fmt: skip
async def _(world: World) -> str:
    connection, taken = (
        Connection(world.servers["default"]),
        {world.victim.id: [], "QXRobGV0ZTo5OTk5OTk5OTk=": []},
    )
    headers = {**ACCEPT, "authorization": f"Bearer {world.attacker.token}"}
    query = "query($id: ID!) { athlete(id: $id) { id } }"
    for _ in range(200):
        for identifier, seconds in taken.items():
            began = perf_counter()
            answer = await connection.send(post(query, headers, variables={"id": identifier}))
            seconds.append(perf_counter() - began)
    await connection.end()
    hidden, absent = map(median, taken.values())
    assert 1 / 1.5 < hidden / absent < 1.5
    return outcome(answer)


@access.add(
    "Doing for another",
    f"{OWASP} authorization",
    "`updateAthlete` with another's id",
    "200",
    "tests/graph/test_mutation_scope.py",
)
async def _(world: World) -> str:
    query = """mutation($id: ID!) { updateAthlete(input: { athleteId: $id, shares: true }) {
        athlete { id } userErrors { code } } }"""
    answer = await world.ask(query, world.attacker.token, variables={"id": world.victim.id})
    assert data_of(answer)["updateAthlete"] == {
        "athlete": None,
        "userErrors": [{"code": "NOT_FOUND"}],
    }, answer.body
    return outcome(answer)


@access.add("More scopes than one has", f"{OWASP} authorization", "a token with ADMIN, made by one without",
            "200", "tests/graph/commands/test_api_token.py")  # fmt: skip
async def _(world: World) -> str:
    query = 'mutation { createApiToken(input: { name: "x", scopes: [ADMIN] }) { secret userErrors { code } } }'
    answer = await world.ask(query, world.attacker.token)
    made = data_of(answer)["createApiToken"]
    assert made["secret"] is None
    assert made["userErrors"], made
    return outcome(answer)


@access.add("Another's rows from a cache", "cross-user cache leak", "a query of the victim's, then of the attacker's",
            "200", "tests/graph/cache/test_root_field_cache.py")  # fmt: skip
async def _(world: World) -> str:
    query = "query($id: ID!) { athlete(id: $id) { firstName activities { nodes { name } } } }"
    for _ in range(2):
        mine = await world.ask(query, world.victim.token, variables={"id": world.victim.id})
        assert data_of(mine)["athlete"]["activities"]["nodes"]
    theirs = await world.ask(query, world.attacker.token, variables={"id": world.victim.id})
    assert data_of(theirs) == {"athlete": None}
    return outcome(theirs)


@access.add("Poisoning a shared cache", "web cache poisoning", "a GET with a session: may a shared cache keep it?",
            "200", "tests/web/protocols/test_response.py")  # fmt: skip
async def _(world: World) -> str:
    answer = await world.get("/graphql?query=%7Bviewer%7Bscopes%7D%7D", cookie=world.cookie)
    assert data_of(answer)["viewer"]
    assert "public" not in answer.header("cache-control")
    assert "cookie" in answer.header("vary").lower() or "no-store" in answer.header("cache-control")
    return outcome(answer)


def _persisted(digest: str) -> dict[str, object]:
    return {"persistedQuery": {"version": 1, "sha256Hash": digest}}


@access.add(
    "APQ poisoning",
    "automatic persisted queries",
    "a text with the hash of another",
    "422 PERSISTED_QUERY_HASH_MISMATCH",
    _PERSISTED,
)
async def _(world: World) -> str:
    digest = sha256(b"{ viewer { scopes } }").hexdigest()
    return outcome(await world.ask("{ __typename }", extensions=_persisted(digest)))


@access.add("APQ with what does not run", "automatic persisted queries", "an invalid text, then its hash",
            "422 PERSISTED_QUERY_NOT_FOUND", _PERSISTED)  # fmt: skip
async def _(world: World) -> str:
    digest = sha256(b"{ nothing }").hexdigest()
    await world.ask("{ nothing }", extensions=_persisted(digest))
    body = json.dumps({"extensions": _persisted(digest)}).encode()
    return outcome(await world.send(request("POST", "/graphql", ACCEPT, body)))


@access.add(
    "Bypassing trusted documents by text",
    "trusted documents",
    "another text, TRUSTED_DOCUMENTS=enforce",
    "403 UNTRUSTED_DOCUMENT",
    _PERSISTED,
)
async def _(world: World) -> str:
    assert (await world.ask(world.trusted[1], server="enforce")).status == 200
    return outcome(await world.ask("{ viewer { scopes } }", world.victim.token, server="enforce"))


@access.add(
    "Bypassing trusted documents by APQ",
    "trusted documents",
    "the same with its right hash",
    "403 UNTRUSTED_DOCUMENT",
    _PERSISTED,
)
async def _(world: World) -> str:
    query = "{ viewer { scopes } }"
    digest = sha256(query.encode()).hexdigest()
    return outcome(await world.ask(query, server="enforce", extensions=_persisted(digest)))


@access.add(
    "Bypassing trusted documents by a comment",
    "trusted documents",
    "a trusted text and a comment",
    "403 UNTRUSTED_DOCUMENT",
    _PERSISTED,
)
async def _(world: World) -> str:
    return outcome(await world.ask(world.trusted[1] + " # me too", server="enforce"))


@access.add(
    "Replaying a session",
    "session replay",
    "the cookie, after signing out everywhere",
    "200",
    "tests/web/routes/test_sign_in.py",
)
async def _(world: World) -> str:
    ask = post("{ viewer { scopes } }", {**ACCEPT, "cookie": world.cookie})
    assert data_of(await world.send(ask))["viewer"]
    own = {"cookie": world.cookie, "sec-fetch-site": "same-origin", "content-length": "0"}
    assert (await world.send(request("POST", "/auth/sign-out?everywhere=1", own))).status == 204
    world.end_session()
    answer = await world.send(ask)
    assert data_of(answer) == {"viewer": None}
    return outcome(answer)
