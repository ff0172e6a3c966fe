"""API tokens: made, used, revoked, expired; who may give away which scopes."""

from datetime import UTC, datetime, timedelta

import pytest

from graph.ids import encode_id
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
    revoked = await mutate(api, "revokeApiToken", person.token, TOKEN.replace("secret", ""), id=token["id"])
    assert revoked["apiToken"]["revokedAt"] is not None
    assert (await api.post(VIEWER, secret)).status_code == 401


async def test_the_secret_is_not_kept(api, db):
    person = make.create_person(db)
    secret = (await mutate(api, "createApiToken", person.token, TOKEN, name="phone", scopes=["SYNC"]))["secret"]
    assert secret not in str(db.exec_driver_sql("SELECT api_tokens::text, secret_sha256 FROM api_tokens").all())


async def test_revoking_twice_keeps_the_first_moment(api, db):
    person = make.create_person(db)
    token = (await mutate(api, "createApiToken", person.token, TOKEN, name="phone", scopes=[]))["apiToken"]
    answers = [
        await mutate(api, "revokeApiToken", person.token, "apiToken { revokedAt }", id=token["id"]) for _ in range(2)
    ]
    assert answers[0] == answers[1]


async def test_an_admin_revokes_anothers_token_and_it_stays_theirs(api, db):
    person, admin = make.create_person(db), make.create_admin(db)
    query = "SELECT id, account_id, revoked_at IS NULL FROM api_tokens WHERE account_id = %s"
    (token_id, *_) = db.exec_driver_sql(query, (person.account_id,)).one()
    await mutate(api, "revokeApiToken", admin.token, id=encode_id("ApiToken", token_id))
    assert db.exec_driver_sql(query, (person.account_id,)).one() == (token_id, person.account_id, False)


async def test_a_token_stops_working_when_it_expires(api, db):
    person = make.create_person(db)
    now = datetime.now(UTC)
    good = make.create_token(db, person.account_id, expires_at=now + timedelta(minutes=1))
    over = make.create_token(db, person.account_id, expires_at=now - timedelta(seconds=1))
    assert (await api.post(VIEWER, good)).status_code == 200
    assert (await api.post(VIEWER, over)).status_code == 401


@pytest.mark.parametrize("wanted", [["ADMIN"], ["SYNC"], ["READ", "ADMIN"]], ids=["admin", "sync", "mixed"])
async def test_nobody_gives_away_what_they_do_not_have(api, db, wanted):
    person = make.create_person(db, scopes=("read",))
    before = content(db)
    payload = await mutate(api, "createApiToken", person.token, name="more", scopes=wanted)
    assert refusal(payload) == (["input", "scopes"], "FORBIDDEN")
    assert content(db) == before


async def test_an_admin_may_give_away_administration(api, db):
    secret = (await mutate(api, "createApiToken", make.create_admin(db).token, name="ops", scopes=["ADMIN"]))["secret"]
    assert (await api.ask(VIEWER, secret))["viewer"] == {
        "scopes": ["ADMIN", "READ"],
        "athlete": None,
        "apiTokens": (await api.ask(VIEWER, secret))["viewer"]["apiTokens"],
    }


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
