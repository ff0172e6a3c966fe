"""The API serves what was adopted: to the right athlete, and to nobody else; and a sign-in finds
it.
"""

import asyncio
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from db.encryption import KeyRing
from strava.payloads import StravaAthlete
from strava.tokens import TokenGrant, TokenPair
from tests import factories as make
from tests.graph.api import serve
from web.routes.sign_in import keep_grant

pytestmark = pytest.mark.anyio

MINE = """{ viewer { athlete { id displayName
    activities(first: 100) { totalCount nodes { name distanceMeters startedAt } }
    personalBests { distance elapsedTimeSeconds } } } }"""


def person_of(world, db, strava_id, **token):
    """A token of the adopted athlete, and the athlete's global id."""
    athlete_id = world.value(
        "SELECT athlete_id FROM strava_connections WHERE strava_athlete_id = %s", strava_id
    )
    account_id = world.value("SELECT id FROM accounts WHERE athlete_id = %s", athlete_id)
    return make.Person(athlete_id, account_id, make.create_token(db, account_id, **token))


async def test_each_sees_their_own(world, db_of_world):
    world.adopt()
    world.recalculate()
    old = world.one("SELECT id, display_name FROM athlete WHERE strava_athlete_id = 1002")
    person, other = (person_of(world, db_of_world, strava_id) for strava_id in (1002, 1003))
    # Even who agrees to be seen shows nothing of it: nobody knows who might see it on Strava.
    world.write("UPDATE athletes SET shares = true")
    async with serve(world.settings.model_copy(update={"sharing": "on"})) as api:
        athlete = (await api.ask(MINE, person.token))["viewer"]["athlete"]
        assert athlete["displayName"] == old["display_name"]
        told = world.rows(
            "SELECT coalesce(o.name, '') AS name FROM activity o JOIN legacy.ids i ON i.kind = 'activity' "
            "AND i.old_id = o.id::text WHERE o.athlete_id = %s",
            old["id"],
        )
        assert sorted(each["name"] for each in athlete["activities"]["nodes"]) == sorted(
            each["name"] for each in told
        )
        assert athlete["personalBests"]
        query = "query ($id: ID!) { athlete(id: $id) { displayName activities { totalCount } personalBests { distance } } }"
        seen = await api.ask(query, other.token, id=person.id)
        assert seen["athlete"]["activities"]["totalCount"] == 0
        assert seen["athlete"]["personalBests"] == []


async def test_requests_go_on_while_rows_are_adopted(world, db_of_world):
    world.adopt(batch_size=10)
    person = person_of(world, db_of_world, 1002)
    async with serve(world.settings) as api:
        adoption = asyncio.create_task(asyncio.to_thread(world.adopt, batch_size=5, rescan=True))
        answers = 0
        while not adoption.done():
            athlete = (await api.ask(MINE, person.token))["viewer"]["athlete"]
            assert athlete["activities"]["totalCount"] > 10
            answers += 1
        await adoption
    assert answers > 3


async def test_the_next_sign_in_finds_the_adopted_athlete(world):
    world.adopt()
    before = world.value("SELECT count(*) FROM athletes")
    async with serve(world.settings) as api:
        services = api.app.state.services
        for strava_id in (1002, 4000, 4001):
            adopted = world.value(
                "SELECT athlete_id FROM strava_connections WHERE strava_athlete_id = %s", strava_id
            )
            athlete = StravaAthlete(strava_id, "Other", "Name", "M", None, None, None)
            pair = TokenPair(
                SecretStr("new access"), SecretStr("new refresh"), datetime(2030, 1, 1, tzinfo=UTC)
            )
            async with services.database.write() as connection:
                account = await keep_grant(
                    connection, services, TokenGrant(pair, athlete), ["read", "activity:read_all"]
                )
            assert account["id"] == world.value(
                "SELECT id FROM accounts WHERE athlete_id = %s", adopted
            )
    assert world.value("SELECT count(*) FROM athletes") == before
    # Tokens of the sign-in stay, whatever the old service has.
    world.write("UPDATE athlete SET strava_refresh_token = 'older' WHERE strava_athlete_id = 1002")
    world.adopt()
    stored = world.value(
        "SELECT refresh_token FROM strava_connections WHERE strava_athlete_id = 1002"
    )
    keys = KeyRing(world.settings.token_encryption_keys)
    assert keys.decrypt(bytes(stored)).get_secret_value() == "new refresh"
    assert world.run(verify=True)[0] == 0
