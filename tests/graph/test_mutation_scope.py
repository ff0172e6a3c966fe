"""Who may do what: every mutation, asked by every kind of caller for what is theirs, and for what
is another's.
"""

import pytest

from graph.global_id import encode_id
from graph.schema.build import build_schema
from tests import factories as make
from tests.graph.test_mutation import MUTATIONS, content, inputs_of

pytestmark = pytest.mark.anyio

CALLERS = ("signed out", "read", "sync", "admin", "session")

DONE, SIGNED_OUT, FORBIDDEN = "done", "UNAUTHENTICATED", "FORBIDDEN"
EVERYBODY = (DONE, DONE, DONE, DONE, DONE)
WHO_SYNCS = (SIGNED_OUT, FORBIDDEN, DONE, DONE, DONE)
OUTCOMES = {
    "connectStrava": EVERYBODY,
    "disconnectStrava": WHO_SYNCS,
    "syncStrava": WHO_SYNCS,
    "stageUploads": WHO_SYNCS,
    "importActivities": WHO_SYNCS,
    "exportAthlete": WHO_SYNCS,
    "retrySyncProblems": WHO_SYNCS,
    "recalculatePersonalBests": WHO_SYNCS,
    "recalculateAgeGrades": WHO_SYNCS,
    "cancelJob": WHO_SYNCS,
    "retryJob": WHO_SYNCS,
    "updateAthlete": WHO_SYNCS,
    "excludeBestEffort": WHO_SYNCS,
    "updateActivity": WHO_SYNCS,
    "deleteActivity": WHO_SYNCS,
    "restoreActivity": WHO_SYNCS,
    "createGear": WHO_SYNCS,
    "updateGear": WHO_SYNCS,
    "deleteGear": WHO_SYNCS,
    "chooseRecording": WHO_SYNCS,
    "separateRecording": WHO_SYNCS,
    "deleteOriginal": WHO_SYNCS,
    "createApiToken": WHO_SYNCS,
    "revokeApiToken": WHO_SYNCS,
    "submitFeedback": EVERYBODY,
}
"""What comes of asking for one's own (an admin: for another's), in the order of CALLERS."""
HAS_NO_SUBJECT = {"connectStrava", "createApiToken", "submitFeedback"}
ALL_ATHLETES = ("recalculatePersonalBests", "recalculateAgeGrades")


def test_every_mutation_is_in_the_table():
    fields = build_schema().core.mutation_type.fields
    assert set(OUTCOMES) == set(fields)
    assert set(MUTATIONS) == set(fields) - {"connectStrava"}


def headers_of(api, db, kind, account_id):
    """The headers of a caller of a kind, who is the athlete's own account, an admin's, or nobody."""
    match kind:
        case "signed out":
            return {}
        case "session":
            cookies = api.app.state.services.sessions.cookies
            cookie = cookies.new_session(make.create_session(db, account_id), account_id, 0)
            return {"cookie": cookies.session_header(cookie).partition(";")[0]}
        case "admin":  # the token has this scope alone
            account_id = make.create_account(db, athlete_id=None, is_admin=True)
    return {"authorization": f"Bearer {make.create_token(db, account_id, scopes=[kind])}"}


async def outcome(api, name, headers, given):
    if name == "connectStrava":
        body = {"query": "mutation { connectStrava { authorizationUrl userErrors { code } } }"}
    else:
        query = f"mutation($i: {MUTATIONS[name][0]}!) {{ {name}(input: $i) {{ userErrors {{ code }} }} }}"
        body = {"query": query, "variables": {"i": given}}
    [answer] = (await api.http.post("/graphql", json=body, headers=headers)).json()["data"].values()
    return answer["userErrors"][0]["code"] if answer["userErrors"] else DONE


@pytest.mark.parametrize("name", OUTCOMES)
async def test_a_mutation_is_for_whom_the_table_says(shared_api, shared_db, name):
    api, db = shared_api, shared_db
    for kind, expected in zip(CALLERS, OUTCOMES[name], strict=True):
        person = make.create_person(db)
        given = inputs_of(db, person).get(name)
        headers = headers_of(api, db, kind, person.account_id)
        before = content(db)
        assert await outcome(api, name, headers, given) == expected, kind
        if expected != DONE:
            assert content(db) == before, kind


@pytest.mark.parametrize("name", sorted(set(OUTCOMES) - HAS_NO_SUBJECT))
async def test_anothers_is_as_if_it_were_not_there(shared_api, shared_db, name):
    api, db = shared_api, shared_db
    given = inputs_of(db, make.create_person(db, shares=True))[name]
    for kind in ("sync", "session"):
        headers = headers_of(api, db, kind, make.create_person(db).account_id)
        before = content(db)
        assert await outcome(api, name, headers, given) == "NOT_FOUND", kind
        assert content(db) == before, kind


@pytest.mark.parametrize("name", ALL_ATHLETES)
async def test_all_athletes_at_once_are_for_admins(api, db, name):
    for kind in CALLERS:
        expected = {"signed out": SIGNED_OUT, "admin": DONE}.get(kind, FORBIDDEN)
        headers = headers_of(api, db, kind, make.create_person(db).account_id)
        assert await outcome(api, name, headers, {}) == expected, kind


async def test_an_admins_token_stops_administering_with_its_account(api, db):
    headers = headers_of(api, db, "admin", None)
    person = make.create_person(db)
    db.exec_driver_sql("UPDATE accounts SET is_admin = false")
    given = {"athleteId": encode_id("Athlete", person.athlete_id), "sex": "FEMALE"}
    assert await outcome(api, "updateAthlete", headers, given) == FORBIDDEN
