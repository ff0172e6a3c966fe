"""What administrators are told of Strava's quota, and of who waits for it."""

import time
from datetime import UTC, datetime, timedelta

import pytest
import redis

from graph.global_id import encode_id
from strava.shared_quota.ledger import Ledger
from strava.shared_quota.store import quota_key
from strava.shared_quota.window import CountedWindow
from tests import factories as make
from tests.factories import NOON

pytestmark = pytest.mark.anyio

LIMITS = """{ stravaQuota { blockedUntil
  limits { window requests limit used left reserved resetsAt } } }"""
WAITING = """query($first: Int, $after: String) { stravaQuota { waiting(first: $first, after: $after) {
  totalCount pageInfo { endCursor hasNextPage }
  nodes { id kind athlete { id } waitingSince waitingUntil } } } }"""


@pytest.fixture(autouse=True)
def _within_one_window():
    """The windows are of real time: do not begin where one ends."""
    while 900 - time.time() % 900 < 15:
        time.sleep(0.5)


def ledger(*, used: int, reads: int, generation: int = 1, **more) -> Ledger:
    now_s = time.time()
    return Ledger(
        generation=generation,
        quarter=CountedWindow(900, int(now_s // 900), sent=[used, reads]),
        day=CountedWindow(86_400, int(now_s // 86_400), sent=[used + 100, reads + 100]),
        **more,
    )


def keep(db, settings, generation: int, kept: Ledger) -> None:
    db.exec_driver_sql(
        "INSERT INTO strava_quotas VALUES (%s, %s, %s)",
        (settings.strava_client_id, generation, kept.to_text()),
    )
    db.commit()


@pytest.fixture
def shared(settings):
    with redis.Redis.from_url(settings.redis_url.get_secret_value()) as client:
        yield client
        client.delete(quota_key(settings.strava_client_id))


@pytest.fixture
def admin(db) -> str:
    return make.create_admin(db).token


def used(answer) -> list[int]:
    return [each["used"] for each in answer["stravaQuota"]["limits"]]


async def test_both_windows_of_all_requests_and_of_reads(api, db, settings, shared, admin):
    keep(db, settings, 1, ledger(used=7, reads=5))
    asked = (await api.ask(LIMITS, admin))["stravaQuota"]
    quarter_ends = datetime.fromtimestamp((time.time() // 900 + 1) * 900, UTC)
    day_ends = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(1)
    windows = [("QUARTER_HOUR", 100, 0, quarter_ends), ("DAY", 1000, 100, day_ends)]
    assert asked == {
        "blockedUntil": None,
        "limits": [
            {
                "window": window,
                "requests": requests,
                "limit": limit,
                "used": before + count,
                "left": limit - before - count,
                "reserved": limit // 5,
                "resetsAt": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
            }
            for window, limit, before, ends in windows
            for requests, count in (("ALL", 7), ("READS", 5))
        ],
    }


async def test_nothing_was_asked_yet(api, shared, admin):
    assert used(await api.ask(LIMITS, admin)) == [0, 0, 0, 0]


async def test_redis_knows_better_than_postgresqls_copy(api, db, settings, shared, admin):
    run = shared.info("server")["run_id"]
    keep(db, settings, 2, ledger(used=17, reads=15, generation=2))
    now = ledger(used=9, reads=8, generation=2, life=run)
    shared.set(quota_key(settings.strava_client_id), now.to_text())
    assert used(await api.ask(LIMITS, admin)) == [9, 8, 109, 108]


@pytest.mark.parametrize("old", [{"generation": 1}, {"generation": 2, "life": "another"}])
async def test_what_redis_has_from_before_a_loss_does_not_count(
    api, db, settings, shared, admin, old
):
    keep(db, settings, 2, ledger(used=17, reads=15, generation=2))
    before = ledger(used=1, reads=1, **{"life": shared.info("server")["run_id"], **old})
    shared.set(quota_key(settings.strava_client_id), before.to_text())
    assert used(await api.ask(LIMITS, admin)) == [17, 15, 117, 115]
    shared.set(quota_key(settings.strava_client_id), "no ledger")
    assert used(await api.ask(LIMITS, admin)) == [17, 15, 117, 115]


async def test_until_when_nothing_is_asked(api, db, settings, shared, admin):
    until_s = int(time.time()) + 1000
    keep(db, settings, 1, ledger(used=7, reads=5, blocked_until=float(until_s)))
    until = datetime.fromtimestamp(until_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (await api.ask(LIMITS, admin))["stravaQuota"]["blockedUntil"] == until


async def test_who_waits_comes_in_the_order_of_resuming(api, db, admin):
    athletes = [make.create_athlete(db) for _ in range(3)]
    soon = datetime.now(UTC).replace(microsecond=0) + timedelta(minutes=5)
    jobs = [
        make.create_job(
            db,
            athlete,
            kind=kind,
            status="WAITING",
            waiting_since=NOON,
            waiting_until=soon + timedelta(minutes=minutes),
            quota_until=soon,
        )
        for athlete, kind, minutes in zip(
            athletes, ("STRAVA_SYNC", "STRAVA_WEBHOOK", "STRAVA_SYNC"), (2, 1, 3), strict=True
        )
    ]
    make.create_job(db, make.create_athlete(db), status="WAITING")  # it waits for something else
    make.create_job(db, make.create_athlete(db), quota_until=NOON)  # it waited
    first = (await api.ask(WAITING, admin, first=2))["stravaQuota"]["waiting"]
    assert (first["totalCount"], first["pageInfo"]["hasNextPage"]) == (3, True)
    assert [each["id"] for each in first["nodes"]] == [encode_id("Job", jobs[n]) for n in (1, 0)]
    assert first["nodes"][0]["kind"] == "STRAVA_WEBHOOK"
    assert first["nodes"][0]["athlete"] == {"id": encode_id("Athlete", athletes[1])}
    assert first["nodes"][0]["waitingSince"] == NOON.strftime("%Y-%m-%dT%H:%M:%SZ")
    until = (soon + timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    assert first["nodes"][0]["waitingUntil"] == until
    rest = await api.ask(WAITING, admin, after=first["pageInfo"]["endCursor"])
    assert [each["id"] for each in rest["stravaQuota"]["waiting"]["nodes"]] == [
        encode_id("Job", jobs[2])
    ]


async def test_others_than_administrators_get_null(api, db, settings, shared):
    keep(db, settings, 1, ledger(used=7, reads=5))
    tokens = [
        None,
        make.create_person(db).token,
        make.create_person(db, is_admin=True).token,
        make.create_person(db, scopes=("admin", "read", "sync")).token,
    ]
    for token in tokens:
        assert await api.ask(LIMITS, token) == {"stravaQuota": None}


async def test_its_cost_is_that_of_its_limits_and_of_the_page(api, admin):
    answer = await api.answer(LIMITS, admin)
    assert answer["extensions"]["cost"]["requested"] == 1 + 4
    answer = await api.answer(
        "{ stravaQuota { waiting(first: 7) { nodes { id } } } }",
        admin,
    )
    assert answer["extensions"]["cost"]["requested"] == 1 + 1 + 7
