"""Parts of Redis in a cluster: two processes share each, wherever its keys are and move to."""

import asyncio

import pytest

from db.write_positions import WritePositions
from flags.flags import Flags
from flags.rollout import ON
from flags.store import FlagStore
from flags.switches import Flag
from flags.watch import FlagReader
from graph.cache.entry import Answer, CacheEntry, CacheRequest
from graph.cache.key import CacheKey
from graph.cache.redis_tier import RedisTier
from jobs.cached_answers import forget_cached_answers
from jobs.enqueue import QueueElsewhere, place_queue
from operator_commands.checks import redis as redis_check
from operator_commands.checks.failure import CheckFailed
from runtime.redis_clients import async_redis_client, listening_redis_client, redis_client
from runtime.redis_cluster import RedisPart, tagged
from settings import load_settings
from strava.shared_quota.store import RedisValue
from tests.patience import PATIENCE_S
from tests.redis_cluster import cluster
from web.documents.automatic_persisted_queries import PersistedQueries
from web.documents.trusted_documents import hash_of
from web.limits.redis_store import BucketRequest, BucketStore

pytestmark = [pytest.mark.whole, pytest.mark.anyio]

TEXT = "{ viewer { scopes } }"
BUCKETS = [
    BucketRequest(f"pacegraph:cost:account:{each}", 100, 1.0, 100.0, amount=10)
    for each in range(20)
]


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


@pytest.fixture(scope="module")
def settings(servers):
    return load_settings(None, redis_url=servers.url)


async def test_limits_are_shared(settings):
    clients = [async_redis_client(settings, RedisPart.LIMITS) for _ in range(2)]
    stores = [BucketStore(each, PATIENCE_S) for each in clients]
    levels = [[each.level for each in await store.settle(BUCKETS)] for store in stores]
    for each in stores:
        await each.close()
    assert levels[0] == [90.0] * 20
    assert all(80 <= level < 90 for level in levels[1])


async def test_answers_are_shared_and_forgotten(settings):
    clients = [listening_redis_client(settings, RedisPart.ANSWERS) for _ in range(2)]
    tiers = [RedisTier(each, lambda: False) for each in clients]
    requests = [_request(number) for number in range(3)]
    assert await tiers[0].find(requests) == [None] * 3
    for each in requests:
        tiers[0].keep(each, CacheEntry.from_answer(each, Answer(b"{}")))
    await tiers[0].wait_for_writes()
    found = await tiers[1].find(requests)
    assert [each.body for each in found] == [b"{}"] * 3
    forget_cached_answers(settings)
    assert await tiers[1].find(requests) == [None] * 3
    for each in clients:
        await each.aclose()


def _request(number: int) -> CacheRequest:
    return CacheRequest(CacheKey(b"%d" % number, b"{}", "viewer"), number, 7, 60.0)


async def test_texts_flags_quota_and_positions_are_shared(settings):
    async with listening_redis_client(settings) as one, listening_redis_client(settings) as two:
        await PersistedQueries(one, 10**6).add(hash_of(TEXT), TEXT, "account:1")
        assert await PersistedQueries(two, 10**6).find(hash_of(TEXT)) == TEXT
    with redis_client(settings) as redis:
        FlagStore(settings, redis).set(Flag.SHARING, ON)
        assert [each.flag for each in FlagStore(settings, redis).log()] == ["sharing"]
        flags: Flags = FlagReader(settings, redis).refresh()
        assert flags.everybody is not None
        assert flags.everybody.sharing
        value = RedisValue(redis, "4711")
        assert value.replace(value.read(), "a ledger")[0]
        assert RedisValue(redis, "4711").read().value == "a ledger"
    writing, reading = (WritePositions.from_settings(settings) for _ in range(2))
    for each in (writing, reading):
        await each.renew(100, 0)
    await writing.record(("athlete:1",), 150)
    assert await reading.needed("athlete:1") == 150
    for each in (writing, reading):
        await each.close()


def test_each_part_is_on_one_server(servers, settings):
    for part in RedisPart:
        owner = servers.owner_of(part)
        with redis_client(settings, part) as redis, owner.client() as there:
            redis.set(tagged(redis, "here"), "1")
            assert there.get(f"{part}here") == b"1"


@pytest.mark.parametrize("how", ["hand_over", "move"])
async def test_no_command_fails_when_keys_get_another_server(servers, settings, how):
    with redis_client(settings) as redis:
        client = async_redis_client(settings)
        key = tagged(redis, how)
        redis.set(key, "1")
        assert await client.incr(key) == 2
        getattr(servers, how)(RedisPart.MAIN)
        assert redis.incr(key) == 3
        assert await client.incr(key) == 4
        await client.aclose()


async def test_news_are_heard_after_the_server_changed(servers, settings):
    client = listening_redis_client(settings)
    async with client.pubsub() as pubsub:
        await pubsub.subscribe("news")
        servers.hand_over(RedisPart.MAIN)
        with redis_client(settings) as redis:
            redis.publish("news", "1")
        heard = []
        while b"1" not in heard:
            message = await asyncio.wait_for(pubsub.get_message(timeout=5), 10)
            heard.append(message and message["data"])
    await client.aclose()


def test_rq_that_was_imported_elsewhere_is_told_what_to_set(settings):
    import rq.defaults

    assert rq.defaults.RQ_KEY_PREFIX == "rq"
    with (
        redis_client(settings) as redis,
        pytest.raises(QueueElsewhere, match=r"RQ_KEY_PREFIX=\{pacegraph\}rq"),
    ):
        place_queue(redis)


def test_doctor_tells_of_a_cluster_and_of_one_of_its_servers(servers, settings):
    assert redis_check.check(settings).startswith("a cluster of version ")
    alone = f"redis://127.0.0.1:{servers.primary.port}"
    with pytest.raises(CheckFailed, match=r"REDIS_URL=redis\+cluster://"):
        redis_check.check(load_settings(None, redis_url=alone))
