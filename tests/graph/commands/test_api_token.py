"""API tokens: made, used, revoked, expired; who may give away which scopes."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from graph.global_id import encode_id
from tests import factories as make
from tests.graph.test_mutation import content, mutate, refusal

pytestmark = pytest.mark.anyio

TOKEN = "apiToken { id name hint scopes createdAt expiresAt lastUsedAt revokedAt } secret"
VIEWER = "{ viewer { scopes athlete { id } apiTokens { id name revokedAt } } }"


async def test_a_new_token_works_until_it_is_revoked(api, db):
    person = make.create_person(db)
    made = await mutate(api, "createApiToken", person.token, TOKEN, name=" phone ", scopes=[])
    secret, token = made["secret"], made["apiToken"]
    assert (token["name"], token["scopes"], token["hint"]) == ("phone", ["READ"], secret[:9])
    assert len(secret) >= 48
    assert (await api.ask(VIEWER, secret))["viewer"]["scopes"] == ["READ"]
    revoked = await mutate(
        api, "revokeApiToken", person.token, TOKEN.replace("secret", ""), id=token["id"]
    )
    assert revoked["apiToken"]["revokedAt"] is not None
    assert (await api.post(VIEWER, secret)).status_code == 401


async def test_tokens_that_are_revoked_with_another_are_told(api, db):
    person = make.create_person(db)
    parent = await mutate(api, "createApiToken", person.token, TOKEN, name="a", scopes=["SYNC"])
    child = await mutate(api, "createApiToken", parent["secret"], TOKEN, name="b", scopes=[])
    told = "apiToken { name } revokedWithIt { id revokedAt }"
    given = {"id": parent["apiToken"]["id"]}
    revoked = await mutate(api, "revokeApiToken", person.token, told, **given)
    [other] = revoked["revokedWithIt"]
    assert (revoked["apiToken"]["name"], other["id"]) == ("a", child["apiToken"]["id"])
    assert other["revokedAt"] is not None


async def test_the_secret_is_not_kept(api, db):
    person = make.create_person(db)
    secret = (
        await mutate(api, "createApiToken", person.token, TOKEN, name="phone", scopes=["SYNC"])
    )["secret"]
    assert secret not in str(
        db.exec_driver_sql("SELECT api_tokens::text, secret_sha256 FROM api_tokens").all()
    )


async def test_revoking_twice_keeps_the_first_moment(api, db):
    person = make.create_person(db)
    token = (await mutate(api, "createApiToken", person.token, TOKEN, name="phone", scopes=[]))[
        "apiToken"
    ]
    answers = [
        await mutate(api, "revokeApiToken", person.token, "apiToken { revokedAt }", id=token["id"])
        for _ in range(2)
    ]
    assert answers[0] == answers[1]


async def test_an_admin_revokes_anothers_token_and_it_stays_theirs(api, db):
    person, admin = make.create_person(db), make.create_admin(db)
    query = "SELECT id, account_id, revoked_at IS NULL FROM api_tokens WHERE account_id = %s"
    (token_id, *_) = db.exec_driver_sql(query, (person.account_id,)).one()
    await mutate(api, "revokeApiToken", admin.token, id=encode_id("ApiToken", token_id))
    assert db.exec_driver_sql(query, (person.account_id,)).one() == (
        token_id,
        person.account_id,
        False,
    )


async def test_a_token_stops_working_when_it_expires(api, db):
    person = make.create_person(db)
    now = datetime.now(UTC)
    good = make.create_token(db, person.account_id, expires_at=now + timedelta(minutes=1))
    over = make.create_token(db, person.account_id, expires_at=now - timedelta(seconds=1))
    assert (await api.post(VIEWER, good)).status_code == 200
    assert (await api.post(VIEWER, over)).status_code == 401


async def test_a_token_that_was_just_revoked_elsewhere_makes_none(api, db):
    """It is known for a second or two more; what it made then would live on."""
    person = make.create_person(db)
    assert (await api.post(VIEWER, person.token)).status_code == 200
    db.exec_driver_sql("UPDATE api_tokens SET revoked_at = now()")  # as another process does
    payload = await mutate(api, "createApiToken", person.token, name="heir", scopes=[])
    assert refusal(payload) == (None, "UNAUTHENTICATED")
    assert (
        db.exec_driver_sql("SELECT count(*) FROM api_tokens WHERE revoked_at IS NULL").scalar_one()
        == 0
    )


async def test_a_token_makes_none_while_it_is_revoked(api, db):
    person = make.create_person(db)
    assert (await api.post(VIEWER, person.token)).status_code == 200
    revoked = encode_id("ApiToken", db.exec_driver_sql("SELECT id FROM api_tokens").scalar_one())
    makes = [
        mutate(api, "createApiToken", person.token, name=str(number), scopes=[])
        for number in range(8)
    ]
    revokes = mutate(api, "revokeApiToken", person.token, id=revoked)
    await asyncio.gather(*makes[:4], revokes, *makes[4:], return_exceptions=True)
    assert (
        db.exec_driver_sql("SELECT count(*) FROM api_tokens WHERE revoked_at IS NULL").scalar_one()
        == 0
    )


@pytest.mark.parametrize(
    "wanted", [["ADMIN"], ["SYNC"], ["READ", "ADMIN"]], ids=["admin", "sync", "mixed"]
)
async def test_nobody_gives_away_what_they_do_not_have(api, db, wanted):
    person = make.create_person(db, scopes=("read",))
    before = content(db)
    payload = await mutate(api, "createApiToken", person.token, name="more", scopes=wanted)
    assert refusal(payload) == (["input", "scopes"], "FORBIDDEN")
    assert content(db) == before


async def test_an_admin_may_give_away_administration_and_with_it_the_rest(api, db):
    secret = (
        await mutate(
            api, "createApiToken", make.create_admin(db).token, name="ops", scopes=["ADMIN"]
        )
    )["secret"]
    assert (await api.ask(VIEWER, secret))["viewer"]["scopes"] == ["ADMIN", "READ", "SYNC"]


async def test_a_token_that_only_reads_makes_no_tokens(api, db):
    """Else who finds one keeps the access by others when it is revoked."""
    person = make.create_person(db, scopes=("read",))
    before = content(db)
    assert refusal(
        await mutate(api, "createApiToken", person.token, name="more", scopes=["READ"])
    ) == (
        None,
        "FORBIDDEN",
    )
    assert content(db) == before


async def test_a_token_that_only_reads_revokes_itself_alone(api, db):
    person = make.create_person(db, scopes=("read",))
    make.create_token(db, person.account_id)
    own, other = [
        row.id for row in db.exec_driver_sql("SELECT id FROM api_tokens ORDER BY created_at")
    ]
    refused = await mutate(api, "revokeApiToken", person.token, id=encode_id("ApiToken", other))
    assert refusal(refused) == (None, "FORBIDDEN")
    revoked = await mutate(api, "revokeApiToken", person.token, id=encode_id("ApiToken", own))
    assert revoked["userErrors"] == []
    assert (await api.post(VIEWER, person.token)).status_code == 401


async def test_a_token_does_not_outlive_the_one_that_makes_it(api, db):
    account = make.create_account(db)
    soon = datetime.now(UTC) + timedelta(hours=1)
    token = make.create_token(db, account, expires_at=soon)
    later = (soon + timedelta(seconds=1)).isoformat()
    refused = await mutate(api, "createApiToken", token, name="later", scopes=[], expiresAt=later)
    assert refusal(refused) == (["input", "expiresAt"], "FORBIDDEN")
    earlier = (soon - timedelta(minutes=1)).isoformat()
    made = [
        await mutate(api, "createApiToken", token, TOKEN, name="child", scopes=[], **given)
        for given in ({}, {"expiresAt": earlier})
    ]
    ends = [datetime.fromisoformat(each["apiToken"]["expiresAt"]) for each in made]
    assert [abs(end - wanted) < timedelta(milliseconds=1) for end, wanted in
            zip(ends, (soon, soon - timedelta(minutes=1)), strict=True)] == [True, True]  # fmt: skip


async def test_revoking_a_token_revokes_what_it_made(api, db):
    person = make.create_person(db)
    secrets = [person.token]
    for _ in range(3):
        secrets.append(
            (await mutate(api, "createApiToken", secrets[-1], TOKEN, name="next", scopes=["SYNC"]))[
                "secret"
            ]
        )
    [_, second, *_] = db.exec_driver_sql("SELECT id FROM api_tokens ORDER BY created_at").scalars()
    await mutate(api, "revokeApiToken", person.token, id=encode_id("ApiToken", second))
    assert [(await api.post(VIEWER, each)).status_code for each in secrets] == [200, 401, 401, 401]


@pytest.mark.parametrize("ends", [{"expires_at": 0}, {"revoked_at": 0}], ids=str)
async def test_an_account_has_fifty_tokens_that_work(api, db, ends):
    person = make.create_person(db)
    others = [make.create_token(db, person.account_id) for _ in range(49)]
    refused = await mutate(api, "createApiToken", person.token, name="one more", scopes=[])
    assert refusal(refused) == (None, "CONFLICT")
    [column] = ends
    digest = "sha256(%s::bytea)"
    db.exec_driver_sql(
        f"UPDATE api_tokens SET {column} = now() WHERE secret_sha256 = {digest}",
        (others[0].encode(),),
    )
    assert (await mutate(api, "createApiToken", person.token, name="one more", scopes=[]))[
        "userErrors"
    ] == []


async def test_asking_for_many_at_once_makes_no_more_than_fifty(api, db):
    person = make.create_person(db)
    for _ in range(46):
        make.create_token(db, person.account_id)
    asked = [mutate(api, "createApiToken", person.token, name="mine", scopes=[]) for _ in range(10)]
    made = [each["secret"] for each in await asyncio.gather(*asked)]
    assert len([secret for secret in made if secret]) == 3


async def test_of_tokens_that_ended_the_last_fifty_are_listed(api, db):
    person = make.create_person(db)
    for number in range(60):
        make.create_token(db, person.account_id, name=f"old {number}", revoked_at=datetime.now(UTC))
    await mutate(api, "createApiToken", person.token, name="new", scopes=[])
    names = [
        token["name"] for token in (await api.ask(VIEWER, person.token))["viewer"]["apiTokens"]
    ]
    assert names == ["new", *(f"old {number}" for number in range(59, 9, -1)), "test"]


async def test_use_is_noted_to_the_minute(api, db):
    person = make.create_person(db)
    await api.ask(VIEWER, person.token)
    first = db.exec_driver_sql("SELECT last_used_at FROM api_tokens").scalar_one()
    await api.ask(VIEWER, person.token)
    assert first is not None
    assert db.exec_driver_sql("SELECT last_used_at FROM api_tokens").scalar_one() == first


async def test_the_viewer_lists_own_tokens_newest_first(api, db):
    person = make.create_person(db)
    make.create_token(db, person.account_id, name="newer", revoked_at=datetime.now(UTC))
    make.create_token(db, make.create_person(db).account_id, name="another's")
    tokens = (await api.ask(VIEWER, person.token))["viewer"]["apiTokens"]
    assert [token["name"] for token in tokens] == ["newer", "test"]


async def test_the_viewer_is_null_when_signed_out(api):
    assert await api.ask(VIEWER) == {"viewer": None}
