"""How processes hear of changes, over a Redis that is killed, paused, flushed and filled with
nonsense.
"""

import asyncio
import threading
from contextlib import AsyncExitStack
from time import monotonic

import pytest
from redis import Redis as SyncRedis
from redis.asyncio import Redis

from flags.flags import Flags
from flags.rollout import OFF, ON, Rollout, write_json
from flags.store import CHANNEL, HASH, LOG, FlagStore
from flags.switches import Flag, Switches
from flags.watch import FlagReader, FlagWatch
from runtime.redis_clients import redis_client
from settings import load_settings
from tests.patience import PATIENCE_S
from tests.web.limits.conftest import until

pytestmark = pytest.mark.anyio
AGES_S = 60.0


@pytest.fixture
async def watching(redis):
    """Starts what a process has: its flags, watched."""
    async with AsyncExitStack() as stack:

        async def start(refresh_s: float = AGES_S, url: str | None = None) -> Flags:
            flags = Flags(load_settings(None))
            client = Redis.from_url(url or redis.url, socket_connect_timeout=1)
            watch = FlagWatch(flags, client, refresh_s)
            stack.push_async_callback(client.aclose)
            stack.push_async_callback(watch.close)
            await watch.start()
            await asyncio.sleep(0.05)  # it listens
            return flags

        yield start


@pytest.fixture
def store(redis):
    settings = load_settings(None, redis_url=redis.url)
    with redis_client(settings) as client:
        yield FlagStore(settings, client)


def is_sharing(*all_flags: Flags) -> bool:
    return all(flags.everybody == Switches(sharing=True) for flags in all_flags)


async def test_all_processes_heed_a_change_at_once(watching, store):
    first, second = await watching(), await watching()
    store.set(Flag.SHARING, ON)
    began = monotonic()
    await until(lambda: is_sharing(first, second))
    assert monotonic() - began < AGES_S / 2
    store.reset(Flag.SHARING)
    await until(lambda: first.everybody == second.everybody == Switches())


async def test_what_was_changed_before_holds_from_the_start(redis, store):
    store.set(Flag.SHARING, ON)
    async with Redis.from_url(redis.url) as client:
        flags = Flags(load_settings(None))
        watch = FlagWatch(flags, client, AGES_S)
        await watch.start()
        assert is_sharing(flags), "before the first request"
        await watch.close()


async def test_news_that_are_lost_are_late_and_no_more(watching, redis):
    flags = await watching(0.2)
    with redis.client() as client:  # which tells nobody
        client.hset(HASH, mapping={"version": 1, "sharing": write_json(ON)})
    await until(lambda: is_sharing(flags))


async def test_the_state_outlives_a_redis_that_is_killed_and_comes_back_empty(
    watching, store, redis, caplog
):
    flags, other = await watching(0.1), await watching(0.1)
    store.set(Flag.SHARING, ON)
    await until(lambda: is_sharing(flags, other))
    redis.kill()
    await until(lambda: flags.losses > 2)
    assert is_sharing(flags, other)
    redis.start()
    await until(lambda: redis.command("HGET", HASH, "sharing") is not None)
    assert is_sharing(flags, other)
    assert is_sharing(await watching()), "a process that starts later knows it too"
    said = [each for each in caplog.records if "does not tell" in each.message]
    assert len(said) == 2, "each process says it once"
    store.set(Flag.SHARING, OFF)
    await until(lambda: flags.everybody == other.everybody == Switches())


async def test_a_change_made_after_redis_forgot_counts(watching, store, redis):
    flags = await watching(0.3)
    store.set(Flag.SHARING, ON)
    await until(lambda: is_sharing(flags))
    redis.command("FLUSHALL")
    store.set(Flag.SHARING, OFF)
    await until(lambda: flags.everybody == Switches())
    await asyncio.sleep(0.5)
    assert flags.everybody == Switches()


async def test_without_redis_the_settings_hold_and_nothing_waits_long(watching):
    began = monotonic()
    flags = await watching(0.1, "redis://127.0.0.1:1")
    assert monotonic() - began < 4
    assert flags.everybody == Switches()
    await until(lambda: flags.losses > 2)


async def test_a_paused_redis_holds_nobody_up(watching, store, redis):
    flags = await watching(0.1)
    store.set(Flag.SHARING, ON)
    await until(lambda: is_sharing(flags))
    with redis.paused():
        began = monotonic()
        late = await watching(0.1)
        assert monotonic() - began < 4
        assert (is_sharing(flags), late.everybody) == (True, Switches())
        await asyncio.sleep(5.5)
        assert flags.losses > 0
    await until(lambda: is_sharing(flags, late))


@pytest.mark.parametrize("nonsense", ["text", "list", "fields"])
async def test_nonsense_in_redis_changes_nothing(watching, store, redis, nonsense):
    flags = await watching(0.1)
    store.set(Flag.SHARING, ON)
    await until(lambda: is_sharing(flags))
    if nonsense == "fields":
        redis.command("HSET", HASH, "sharing", "{", "what", "ever", "resolver-cache", "\x00")
        await until(lambda: flags.nonsense == 3)
    else:
        redis.command("DEL", HASH)
        redis.command(*(("SET", HASH, "x") if nonsense == "text" else ("RPUSH", HASH, "x")))
        await until(lambda: flags.losses > 2)
    assert is_sharing(flags)
    redis.command("DEL", HASH)
    await until(lambda: redis.command("HGET", HASH, "version") is not None)
    assert is_sharing(flags)


async def test_words_on_the_channel_that_make_no_sense_are_only_a_reason_to_look(
    watching, store, redis
):
    flags = await watching(0.1)
    for word in ("", "x" * 100_000, "\x00"):
        redis.command("PUBLISH", CHANNEL, word)
    store.set(Flag.SHARING, ON)
    await until(lambda: is_sharing(flags))


def test_a_process_without_a_loop_looks_when_it_is_due(redis, store):
    settings = load_settings(None, redis_url=redis.url, feature_flags_refresh_s=1.5)
    with SyncRedis.from_url(redis.url) as client:
        reader = FlagReader(settings, client)
        assert reader.refresh().everybody == Switches()
        store.set(Flag.SHARING, ON)
        assert reader.refresh().everybody == Switches(), "not due yet"
        deadline = monotonic() + PATIENCE_S
        while not is_sharing(reader.refresh()):
            assert monotonic() < deadline
        redis.command("FLUSHALL")
        while redis.command("HGET", HASH, "sharing") is None:
            reader.refresh()
            assert monotonic() < deadline + 2
        redis.kill()
        while not reader.flags.losses:
            assert is_sharing(reader.refresh())
        redis.start()


def test_two_operators_at_once_lose_nothing(redis, store):
    settings = load_settings(None, redis_url=redis.url)

    def change(flag: Flag) -> None:
        with redis_client(settings) as client:
            own = FlagStore(settings, client)
            for number in range(20):
                own.set(flag, Rollout(number))

    threads = [
        threading.Thread(target=change, args=(flag,)) for flag in (Flag.SHARING, Flag.LEGACY_REST)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    flags = Flags(settings)
    flags.heed(store.read())
    assert [flags.rollout_of(flag)[0].percent for flag in (Flag.SHARING, Flag.LEGACY_REST)] == [
        19,
        19,
    ]
    changes = list(store.log())
    assert len(changes) == 40
    assert changes[0].new == "19%"


def test_the_log_is_bounded(redis, store):
    for number in range(1050):
        store.set(Flag.SHARING, Rollout(number % 100))
    assert redis.command("XLEN", LOG) == 1000
    assert [each.new for each in store.log()][:2] == ["49%", "48%"]


def test_lists_stay_unless_they_are_given(store):
    keys = frozenset({"athlete:1"})
    store.set(Flag.SHARING, Rollout(10, on_for=keys, off_for=frozenset({"athlete:2"})))
    assert (
        store.set(Flag.SHARING, OFF, keep_on=True, keep_off=True).new
        == "off; on for athlete:1; off for athlete:2"
    )
    assert store.set(Flag.SHARING, ON, keep_on=True).new == "on; on for athlete:1"
    assert store.set(Flag.SHARING, ON).new == "on"


async def test_it_ends_whenever_it_is_told_to(redis):
    """redis-py loses a cancellation now and then, when its own timeout comes in the same moment."""
    async with Redis.from_url(redis.url) as client:
        for number in range(100):
            watch = FlagWatch(Flags(load_settings(None)), client, 0.001)
            await watch.start()
            await asyncio.sleep(number * 0.0001)
            async with asyncio.timeout(5):
                await watch.close()
