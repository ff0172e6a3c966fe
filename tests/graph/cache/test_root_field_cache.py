"""The resolver cache, between processes that share PostgreSQL and Redis: two of the API's apps
stand for them.
"""

import asyncio
import logging
import os
import signal
import time
from itertools import pairwise
from types import SimpleNamespace

import psycopg
import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from db.errors import DatabaseError
from db.models.base import FIRST_RANDOM_ID
from graph.cache.entry import Answer, CacheRequest
from graph.cache.key import DATA_KINDS, CacheKey, DataKind
from graph.cache.root_field_cache import RootFieldCache
from graph.global_id import encode_id
from local.redis import start_redis
from tests import factories as make
from tests.graph.api import serve
from tests.graph.walk import SCHEMA, types_below
from tests.patience import PATIENCE_S
from tests.switched import switched

pytestmark = pytest.mark.anyio

NAME = "query($id: ID!) { athlete(id: $id) { firstName } }"
RUNS = "query($id: ID!) { athlete(id: $id) { activities { totalCount nodes { name } } } }"
NAMES = "{ athletes { nodes { firstName } } }"
GRADE = "{ ageGrade(input: {distanceMeters: 5000, elapsedTimeSeconds: 1000, sex: MALE, age: 30}) { percent } }"


@pytest.fixture
async def other_api(settings):
    """Another process's."""
    async with serve(settings) as api:
        yield api


@pytest.fixture
def person(db):
    return make.create_person(db, first_name="Ana")


def counts(api):
    return dict(api.app.state.services.cache.counts)


async def ask(api, query, person, of=None):
    """Ask by plan, and once: `api.ask` would run the query on graphql-core too."""
    answer = await api.answer(
        query, person.token, **({"id": athlete(of or person)} if "$id" in query else {})
    )
    assert "errors" not in answer, answer
    return answer["data"]


def athlete(person):
    return encode_id("Athlete", person.athlete_id)


async def written(api):
    """Let what is written to Redis in the background arrive."""
    await api.app.state.services.cache.wait_for_writes()


# --- what is found where


async def test_the_second_answer_comes_from_memory_and_another_process_has_it_from_redis(
    api, other_api, person
):
    answers = [await ask(each, NAME, person) for each in (api, api)]
    await written(api)
    answers += [await ask(other_api, NAME, person) for _ in range(2)]
    assert answers == [{"athlete": {"firstName": "Ana"}}] * 4
    assert counts(api) == {"miss": 1, "memory": 1}
    assert counts(other_api) == {"redis": 1, "memory": 1}


async def test_each_root_field_is_an_entry_of_its_own(api, person):
    await ask(api, NAME, person)
    both = "query($id: ID!) { athlete(id: $id) { firstName } more: athlete(id: $id) { lastName } __typename }"
    found = await ask(api, both, person)
    assert found["athlete"] == {"firstName": "Ana"}
    assert found["more"]["lastName"].startswith("Corredor")
    assert counts(api) == {"miss": 2, "memory": 1}, (
        "what the first document asked for serves the second"
    )
    assert await ask(api, both, person) == found
    assert counts(api) == {"miss": 2, "memory": 3}


async def test_arguments_variables_and_directives_are_part_of_the_key(api, db, person):
    for name in ("one", "two"):
        make.create_activity(db, person.athlete_id, name=name)
    query = """query($id: ID!, $n: Int = 1, $named: Boolean!) {
        athlete(id: $id) { activities(first: $n) { nodes { name @include(if: $named) sportType } } } }"""
    ids = {"id": athlete(person)}
    shown = [
        await api.answer(query, person.token, **ids, **variables)
        for variables in (
            {"named": True},
            {"named": False},
            {"named": True, "n": 2},
            {"named": True, "n": 1},
        )
    ]
    nodes = [answer["data"]["athlete"]["activities"]["nodes"] for answer in shown]
    assert [len(each) for each in nodes] == [1, 1, 2, 1]
    assert ["name" in each[0] for each in nodes] == [True, False, True, True]
    assert counts(api) == {"miss": 3, "memory": 1}


# --- what is written is seen by the next read


async def test_a_mutation_is_seen_by_the_next_read_in_every_process(api, other_api, person):
    change = """mutation($input: UpdateAthleteInput!) { updateAthlete(input: $input) { userErrors { code } } }"""
    for number in range(5):
        assert await ask(api, NAME, person) == await ask(other_api, NAME, person)
        name = f"Ana {number}"
        writer = (api, other_api)[number % 2]
        await writer.ask(
            change, person.token, input={"athleteId": athlete(person), "firstName": name}
        )
        for reader in (api, other_api):
            assert await ask(reader, NAME, person) == {"athlete": {"firstName": name}}
            assert await ask(reader, NAMES, person) == {
                "athletes": {"nodes": [{"firstName": name}]}
            }


@pytest.mark.parametrize("reader", ["person", "admin"])
async def test_whatever_is_written_is_seen_by_the_next_read(api, db, person, reader):
    """By any statement, of any table that answers are made of: the version is PostgreSQL's own."""
    caller = person if reader == "person" else make.create_admin(db)
    everything = """query($id: ID!) { athlete(id: $id) { activities { totalCount nodes { name bestEfforts { rank } } }
        personalBests { elapsedTimeSeconds } } activities { totalCount } }"""

    async def read():
        return await ask(api, everything, caller, person)

    seen = [await read()]
    effort = make.create_best(db, person.athlete_id, 1200.0)
    seen.append(await read())
    for statement in (
        f"UPDATE activities SET name = 'Renamed' WHERE athlete_id = {person.athlete_id}",
        f"UPDATE personal_bests SET elapsed_s = 1100 WHERE id = {effort}",
        f"DELETE FROM personal_bests WHERE id = {effort}",
        f"DELETE FROM best_efforts WHERE id = {effort}",
        f"DELETE FROM activities WHERE athlete_id = {person.athlete_id}",
    ):
        db.exec_driver_sql(statement)
        seen.append(await read())
    assert [a != b for a, b in pairwise(seen)] == [True] * 6
    assert await read() == seen[-1] == seen[0]
    assert counts(api)["memory"] >= 2


@pytest.mark.parametrize("table", ["best_efforts", "activities", "athletes"])
async def test_a_table_that_is_emptied_is_seen_to_be(api, db, person, table):
    make.create_best(db, person.athlete_id, 1200.0)
    query = (
        "query($id: ID!) { athlete(id: $id) { personalBests { id } } activities { totalCount } }"
    )
    before = await ask(api, query, person)
    # beside the loop: a connection that is new may be in the transaction that makes it warm
    await asyncio.to_thread(db.exec_driver_sql, f"TRUNCATE {table} CASCADE")
    after = await ask(api, query, person)
    assert before["athlete"]["personalBests"] != (after["athlete"] or {}).get("personalBests")
    assert after["activities"]["totalCount"] == (1 if table == "best_efforts" else 0)


async def test_what_is_not_committed_neither_shows_nor_stays(api, database_url, person):
    rename = f"UPDATE athletes SET first_name = 'Bea' WHERE id = {person.athlete_id}"
    for commit in (False, True):
        with psycopg.connect(database_url) as writer:
            writer.execute(rename)
            assert await ask(api, NAME, person) == {"athlete": {"firstName": "Ana"}}
            writer.commit() if commit else writer.rollback()
        assert await ask(api, NAME, person) == {
            "athlete": {"firstName": "Bea" if commit else "Ana"}
        }


async def test_reads_during_writes_never_keep_what_is_old(api, other_api, db, person):
    """Readers all the time, a writer now and then: what was read after a commit is never older than
    it.
    """
    latest, done = 0, False

    async def read(reader):
        while not done:
            known = latest
            found = await ask(reader, NAME, person)
            assert int(found["athlete"]["firstName"]) >= known
            await asyncio.sleep(0)

    db.exec_driver_sql(f"UPDATE athletes SET first_name = '0' WHERE id = {person.athlete_id}")
    readers = [asyncio.create_task(read(each)) for each in (api, other_api) for _ in range(3)]
    for number in range(1, 40):
        await asyncio.sleep(0.01)
        statement = f"UPDATE athletes SET first_name = '{number}' WHERE id = {person.athlete_id}"
        await asyncio.to_thread(db.exec_driver_sql, statement)
        latest = number
    done = True
    await asyncio.gather(*readers)
    for _ in range(2):
        await ask(api, NAME, person)
    assert counts(api)["memory"] > 0


async def test_one_athletes_change_leaves_anothers_entries(api, db, person):
    other, admin = make.create_person(db), make.create_admin(db)
    await ask(api, NAME, admin, person)
    db.exec_driver_sql(f"UPDATE athletes SET first_name = 'Bea' WHERE id = {other.athlete_id}")
    await ask(api, NAME, admin, person)
    assert counts(api) == {"miss": 1, "memory": 1}


async def test_who_comes_to_be_is_not_hidden_by_who_was_not(api, db):
    admin = make.create_admin(db)
    absent = make.Person(2**63 - 1, None, None)
    assert await ask(api, NAME, admin, absent) == {"athlete": None}
    make.create_athlete(db, id=absent.athlete_id, first_name="Eva")
    assert await ask(api, NAME, admin, absent) == {"athlete": {"firstName": "Eva"}}


# --- who sees what


@pytest.fixture
async def shared(settings):
    async with serve(settings.model_copy(update={"sharing": "on"})) as api:
        yield api


async def test_viewers_share_only_what_all_of_them_see(shared, db):
    """Owner, two strangers, an administrator and nobody ask for the same; each twice, in both
    orders.
    """
    owner = make.create_person(db, first_name="Ana", shares=True)
    make.create_activity(db, owner.athlete_id, name="hidden", visibility="ONLY_ME")
    make.create_activity(db, owner.athlete_id, name="shown")
    strangers = [make.create_person(db, first_name="Rui") for _ in range(2)]
    nobody = make.Person(None, None, None)
    everybody = [owner, *strangers, make.create_admin(db), nobody]
    query = """query($id: ID!) { athlete(id: $id) { birthDate activities { nodes { name } } } }"""

    def expected(viewer):
        if viewer is nobody:
            return {"athlete": None}
        sees_all = viewer not in strangers
        names = ["shown", "hidden"] if sees_all else ["shown"]
        nodes = [{"name": name} for name in names]
        return {
            "athlete": {
                "birthDate": "1980-05-17" if sees_all else None,
                "activities": {"nodes": nodes},
            }
        }

    for viewer in (*everybody, *reversed(everybody)):
        found = await ask(shared, query, viewer, owner)
        if found["athlete"]:
            found["athlete"]["activities"]["nodes"].sort(
                key=lambda node: node["name"], reverse=True
            )
        assert found == expected(viewer), viewer
    assert counts(shared) == {"miss": 3, "memory": 5}, (
        "the strangers share an entry, nobody else does"
    )


async def test_withdrawn_consent_and_hidden_runs_are_gone_at_once(shared, db):
    owner, stranger = make.create_person(db, shares=True), make.create_person(db)
    make.create_activity(db, owner.athlete_id, name="shown")
    runs = {"totalCount": 1, "nodes": [{"name": "shown"}]}
    assert await ask(shared, RUNS, stranger, owner) == {"athlete": {"activities": runs}}
    db.exec_driver_sql("UPDATE activities SET visibility = 'ONLY_ME'")
    assert await ask(shared, RUNS, stranger, owner) == {
        "athlete": {"activities": {"totalCount": 0, "nodes": []}}
    }
    db.exec_driver_sql(f"UPDATE athletes SET shares = false WHERE id = {owner.athlete_id}")
    assert await ask(shared, RUNS, stranger, owner) == {"athlete": None}


async def test_what_tokens_may_do_is_the_tokens_own(api, db, person):
    token = make.create_token(db, person.account_id, scopes=["read"])
    reader = make.Person(person.athlete_id, person.account_id, token)
    query = "{ viewer { scopes athlete { firstName } } }"
    for _ in range(2):
        assert (await ask(api, query, person))["viewer"]["scopes"] == ["READ", "SYNC"]
        assert (await ask(api, query, reader))["viewer"]["scopes"] == ["READ"]


@pytest.mark.parametrize(
    "query",
    [
        "{ jobs { nodes { id } } }",
        "{ rateLimit { remaining } }",
        "{ viewer { apiTokens { name } } }",
        "query($id: ID!) { athlete(id: $id) { stravaConnection { scopes } } }",
        "query($id: ID!) { athlete(id: $id) { jobs { totalCount } } }",
        "query($id: ID!) { node(id: $id) { ... on Job { status } ... on Athlete { jobs { totalCount } } } }",
    ],
)
async def test_what_changes_outside_the_athletes_data_is_not_cached(api, person, query):
    for _ in range(2):
        await ask(api, query, person)
    assert counts(api) == {}


def test_every_type_is_known_to_be_cached_or_not():
    """A new type is not cached until `KINDS` has it; this list says that somebody thought about it."""
    uncached = {
        "ApiToken",
        "DeletedActivity",
        "DistanceInfo",
        "Export",
        "ImportEntry",
        "Job",
        "JobError",
        "JobProblem",
        "JobProgress",
        "JobResult",
        "Original",
        "RateLimit",
        "StravaAccount",
        "StravaQuota",
        "StravaQuotaLimit",
        "SyncProblem",
    }
    of_others = ("Connection", "Edge", "PageInfo")
    below = {name for name in types_below(SCHEMA.query_type) if not name.endswith(of_others)}
    assert below == {"Query", *DATA_KINDS, *uncached}


# --- times, switches, bounds


@pytest.mark.parametrize(
    ("query", "kinds"),
    [
        (NAME, {DataKind.ATHLETES}),
        (RUNS, {DataKind.ATHLETES, DataKind.ACTIVITIES}),
        ("{ activities { totalCount } }", {DataKind.ACTIVITIES}),
        (GRADE, {DataKind.AGE_GRADES}),
        (
            "query($id: ID!) { athlete(id: $id) { personalBests { ageGrade { percent } activity { name } } } }",
            {DataKind.ATHLETES, DataKind.PERSONAL_BESTS, DataKind.AGE_GRADES, DataKind.ACTIVITIES},
        ),
    ],
)
@pytest.mark.parametrize("off", list(DataKind))
async def test_a_kind_that_is_switched_off_is_not_cached_and_the_others_are(
    settings, person, query, kinds, off
):
    switch = f"cache_{off.value.replace(' ', '_')}_s"
    async with serve(settings.model_copy(update={switch: 0})) as api:
        for _ in range(2):
            await ask(api, query, person)
        assert counts(api) == ({} if off in kinds else {"miss": 1, "memory": 1})


async def test_an_answer_lives_as_long_as_its_shortest_lived_kind(api, person, redis_url):
    await ask(api, NAME, person)
    await ask(api, RUNS, person)
    await written(api)
    with Redis.from_url(redis_url) as redis:
        lifetimes = sorted(redis.ttl(key) for key in redis.scan_iter("pacegraph:cache:*"))
    assert len(lifetimes) == 2
    assert 50 < lifetimes[0] <= 60
    assert 590 < lifetimes[1] <= 600


async def test_the_switch_turns_it_off_and_on(settings, person):
    async with serve(settings.model_copy(update={"cache": "off"})) as api:
        await ask(api, NAME, person)
        assert counts(api) == {}
        with switched(api.app.state.services.flags, resolver_cache=True):
            await ask(api, NAME, person)
        assert counts(api) == {"miss": 1}


@pytest.fixture
def clock(monkeypatch):
    """The clock of the wall, which can be put on."""
    ahead, real = SimpleNamespace(s=0.0), time.time
    monkeypatch.setattr(time, "time", lambda: real() + ahead.s)
    return ahead


async def test_an_entry_that_is_soon_to_expire_is_refreshed_while_it_serves(
    settings, person, clock
):
    async with serve(settings.model_copy(update={"cache_athletes_s": 1000.0})) as api:
        await ask(api, NAME, person)
        clock.s = 930
        for _ in range(5):
            await ask(api, NAME, person)
        async with asyncio.timeout(PATIENCE_S):
            while "refresh" not in counts(api):  # noqa: ASYNC110 - nothing tells
                await asyncio.sleep(0.01)
        clock.s = 1130  # beyond the first entry's time
        await ask(api, NAME, person)
        assert counts(api) == {"miss": 1, "memory": 6, "refresh": 1}


async def test_an_expired_entry_is_not_used(settings, person, clock):
    async with serve(settings.model_copy(update={"cache_athletes_s": 1000.0})) as api:
        await ask(api, NAME, person)
        await written(api)
        clock.s = 1010
        await ask(api, NAME, person)
        assert counts(api) == {"miss": 2}


async def test_this_processs_entries_take_no_more_than_their_room(settings, db, person):
    for number in range(20):
        make.create_activity(db, person.athlete_id, name=f"{number} " + "x" * 200)
    async with serve(settings.model_copy(update={"cache_memory_bytes": 40_000})) as api:
        for first in range(1, 21):
            query = RUNS.replace("activities", f"activities(first: {first})")
            assert len((await ask(api, query, person))["athlete"]["activities"]["nodes"]) == first
        cache = api.app.state.services.cache
        assert 10_000 < cache.memory_bytes <= 40_000
        await ask(api, RUNS.replace("activities", "activities(first: 20)"), person)
        assert counts(api) == {"miss": 20, "memory": 1}


async def test_variables_that_are_longer_than_their_answer_take_room_too(settings, person):
    async with serve(settings.model_copy(update={"cache_memory_bytes": 20_000})) as api:
        for number in range(10):
            ids = [encode_id("Activity", FIRST_RANDOM_ID + number)] * 40
            await api.answer(
                "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", person.token, ids=ids
            )
        assert 5_000 < api.app.state.services.cache.memory_bytes <= 20_000


# --- one flight, and Redis away


async def test_what_many_ask_at_once_is_computed_once_in_all_processes(api, other_api, db, person):
    for _ in range(50):
        make.create_activity(db, person.athlete_id)
    for each in (api, other_api):
        await each.answer("{ __typename }", person.token)
        each.queries.clear()
    answers = await asyncio.gather(
        *(ask(each, RUNS, person) for each in (api, other_api) for _ in range(20))
    )
    assert all(answer == answers[0] for answer in answers)
    computed = [query for each in (api, other_api) for query in each.queries if "concat" in query]
    assert len(computed) == 1
    assert counts(api).get("miss", 0) + counts(other_api).get("miss", 0) == 1


async def test_a_flight_that_is_lost_delays_and_blocks_nothing(api, other_api, person, redis_url):
    """A process took the lead and was killed: another computes before long."""
    await ask(api, NAME, person)
    await written(api)
    with Redis.from_url(redis_url) as redis:
        [key] = redis.scan_iter("pacegraph:cache:*")
        version = redis.get(key).split(b"|")[0]
        redis.delete(key)
        redis.set(key + b":flight:" + version, "1", px=5000)
    assert await asyncio.wait_for(ask(other_api, NAME, person), 3) == {
        "athlete": {"firstName": "Ana"}
    }


async def test_one_that_fails_does_not_fail_the_others(api, person):
    """Whoever computes is cancelled; those who wait compute for themselves."""
    first = asyncio.create_task(ask(api, RUNS, person))
    others = [asyncio.create_task(ask(api, RUNS, person)) for _ in range(3)]
    await asyncio.sleep(0.005)
    first.cancel()
    assert [(await each)["athlete"]["activities"]["totalCount"] for each in others] == [0, 0, 0]


async def test_who_fails_lets_the_next_one_try_at_once(redis_url):
    async with AsyncRedis.from_url(redis_url) as redis:
        cache = RootFieldCache(redis, {}, 10**6)
        wanted = [CacheRequest(CacheKey(b"digest", b"[]", "all"), 1, 1, 60.0)]
        with pytest.raises(DatabaseError):
            await cache.answers(wanted, _failing)
        await cache.wait_for_writes()
        began = time.monotonic()
        assert [each.body for each in await cache.answers(wanted, _answering)] == [b"{}"]
        assert time.monotonic() - began < 0.9, "it would wait for the other for a second"
        await cache.close()


async def _failing(places):
    raise DatabaseError


async def _answering(places):
    return [Answer(b"{}") for _ in places]


async def test_without_redis_the_database_answers_and_one_line_says_so(
    settings, person, tmp_path, caplog
):
    redis = start_redis(tmp_path)
    async with serve(
        settings.model_copy(update={"redis_url": type(settings.redis_url)(redis.url)})
    ) as api:
        await ask(api, NAME, person)
        redis.stop()
        caplog.set_level(logging.WARNING)
        for number in range(5):
            query = NAME.replace("firstName", f"n{number}: firstName")
            assert (await ask(api, query, person))["athlete"] == {f"n{number}": "Ana"}
        cache = api.app.state.services.cache
        assert cache.failures >= 1
        assert counts(api) == {"miss": 6}
        assert sum("answers are not shared" in record.message for record in caplog.records) == 1


async def test_a_redis_that_hangs_costs_one_short_wait(settings, person, tmp_path):
    redis = start_redis(tmp_path)
    async with serve(
        settings.model_copy(update={"redis_url": type(settings.redis_url)(redis.url)})
    ) as api:
        await ask(api, NAME, person)
        os.kill(redis.process.pid, signal.SIGSTOP)
        try:
            taken = []
            for number in range(20):
                began = time.monotonic()
                await ask(api, NAME.replace("firstName", f"n{number}: firstName"), person)
                taken.append(time.monotonic() - began)
            assert max(taken) < 10
            assert sorted(taken)[10] < 0.25, "most do not wait"
        finally:
            os.kill(redis.process.pid, signal.SIGCONT)
    redis.stop()


async def test_garbage_in_redis_is_not_an_answer(api, settings, person, redis_url):
    await ask(api, NAME, person)
    await written(api)
    without_memory = settings.model_copy(update={"cache_memory_bytes": 0})
    async with serve(without_memory) as other_api:
        with Redis.from_url(redis_url) as redis:
            [key] = redis.scan_iter("pacegraph:cache:*")
            for garbage in (b"", b"x", b"1|2", redis.get(key).split(b"|")[0] + b"|"):
                redis.set(key, garbage)
                assert await ask(other_api, NAME, person) == {"athlete": {"firstName": "Ana"}}
                await written(other_api)
        assert counts(other_api) == {"miss": 4}
        assert other_api.app.state.services.planner.fallbacks.total() == 0
