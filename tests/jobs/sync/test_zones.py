"""Heart rate zones of Strava: read once a week, and only where the athlete set none here."""

import asyncio

import pytest

from local.generated_secrets import new_secret_key
from tests import factories as make
from tests.graph.api import serve
from tests.jobs.few_runs import strava  # noqa: F401 - the fixture

ZONES = (
    "SELECT from_strava, valid_from::text AS day, array_agg(lowest_bpm ORDER BY zone_number) AS bpm \
    FROM heart_rate_zones GROUP BY 1, 2 ORDER BY 1, 2"
)
SHOWN = """query($id: ID!, $on: Date) { athlete(id: $id) {
    heartRateZones(on: $on) { number lowestBeatsPerMinute belowBeatsPerMinute isFromStrava }
    stravaConnection { missingScopes }
    } }"""
SET = """mutation($id: ID!, $bpm: [Int!]!) { updateAthlete(input: {athleteId: $id,
    heartRateZones: {validFrom: "2021-01-01", lowestBeatsPerMinute: $bpm}}) { userErrors { message } } }"""
DEFAULT = [0, 115, 152, 171, 190]


def zones(world) -> list[tuple[bool, str, list[int]]]:
    return [(row["from_strava"], row["day"], row["bpm"]) for row in world.rows(ZONES)]


def ask(world, person: make.Person, query: str, **variables) -> dict:
    async def answer() -> dict:
        secret = type(world.settings.redis_url)(new_secret_key())
        settings = world.settings.model_copy(
            update={"secret_key": secret, "cost_per_database_ms": 0}
        )
        async with serve(settings) as api:
            return await api.ask(query, person.token, id=person.id, **variables)

    return asyncio.run(answer())


def tell(world, lowest: list[int]) -> None:
    world.strava.control("PUT", "/athletes/1001/zones", json=lowest)


def test_a_sync_reads_them_once_a_week_and_keeps_those_before(world):
    runner = world.connect()
    world.sync(runner)
    assert zones(world) == [(True, "1900-01-01", DEFAULT)]
    tell(world, [0, 120, 160])
    world.strava.forget_requests()
    world.sync(runner)
    assert world.strava.requests("/athlete/zones") == 0
    for _ in range(2):
        world.write("UPDATE strava_connections SET zones_read_at = now() - interval '8 days'")
        world.sync(runner)
    told = "SELECT count(*) FROM athlete_changes WHERE of_athlete"
    assert world.value(told) == 2  # the first and the second; the third were the same
    today = str(world.value("SELECT (now() AT TIME ZONE 'UTC')::date"))
    assert zones(world) == [(True, "1900-01-01", DEFAULT), (True, today, [0, 120, 160])]
    world.work(world.create(runner, "ERASE_ATHLETE"))
    assert zones(world) == []


def test_the_athletes_own_win_and_a_missing_permission_is_told(world):
    runner = world.connect(scopes=["activity:read_all"])
    world.sync(runner)
    assert world.strava.requests("/athlete/zones") == 0
    with world.database.write() as db:
        account = make.create_account(db, athlete_id=runner)
        person = make.Person(runner, account, make.create_token(db, account))
    shown = ask(world, person, SHOWN)["athlete"]
    assert shown["stravaConnection"]["missingScopes"] == ["read", "profile:read_all"]
    assert shown["heartRateZones"] == []
    world.grant(runner)
    world.sync(runner)
    shown = ask(world, person, SHOWN)["athlete"]
    assert shown["stravaConnection"]["missingScopes"] == []
    assert [each["lowestBeatsPerMinute"] for each in shown["heartRateZones"]] == DEFAULT
    assert shown["heartRateZones"][0]["belowBeatsPerMinute"] == 115
    ask(world, person, SET, bpm=[100, 150])
    own = ask(world, person, SHOWN)["athlete"]
    assert [
        (each["lowestBeatsPerMinute"], each["belowBeatsPerMinute"], each["isFromStrava"])
        for each in own["heartRateZones"]
    ] == [(100, 150, False), (150, None, False)]
    before = ask(world, person, SHOWN, on="2020-12-31")["athlete"]
    assert {each["isFromStrava"] for each in before["heartRateZones"]} == {True}


@pytest.mark.parametrize("kind", ["server_error", "bad_json", "not_found"])
def test_a_sync_does_not_fail_for_want_of_them(world, kind):
    runner = world.connect()
    world.strava.fault(kind, path="/athlete/zones", times=9)
    assert world.sync(runner)["status"] == "SUCCEEDED"
    assert zones(world) == []
    world.strava.heal()
    world.sync(runner)
    assert zones(world) == [(True, "1900-01-01", DEFAULT)]
