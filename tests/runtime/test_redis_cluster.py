"""Names of keys in a cluster."""

from redis.crc import key_slot

from runtime.redis_clients import async_redis_client, redis_client
from runtime.redis_cluster import RedisPart, tagged
from settings import load_settings

SLOTS, SERVERS = 16_384, 3


def test_three_equal_servers_share_the_parts():
    owners = {key_slot(part.encode()) * SERVERS // SLOTS for part in RedisPart}
    assert len(owners) == SERVERS


def test_only_keys_of_a_cluster_have_a_tag():
    of_cluster = load_settings(None, redis_url="redis+cluster://one,two")
    for url, prefix in (
        ("redis://host", ""),
        ("redis+sentinel://host/main", ""),
        ("redis+cluster://one,two", "{pacegraph:cache}"),
    ):
        settings = load_settings(None, redis_url=url)
        for make in (redis_client, async_redis_client):
            client = make(settings, RedisPart.ANSWERS)
            assert tagged(client, "pacegraph:x") == f"{prefix}pacegraph:x"
    assert tagged(redis_client(of_cluster), "a") == "{pacegraph}a"


def test_all_keys_of_a_part_share_a_slot():
    redis = redis_client(load_settings(None, redis_url="redis+cluster://one"))
    names = ("pacegraph:flags", "pacegraph:{strava-quota:4711}", "rq:queue:pacegraph")
    slots = {key_slot(tagged(redis, name).encode()) for name in names}
    assert slots == {key_slot(RedisPart.MAIN.encode())}
