"""The flags of the embedded Redis are kept in a file."""

import pytest
from redis import Redis

from flags.rollout import OFF
from flags.store import FlagStore
from flags.switches import Flag
from local.embedded_service import ServiceFailed
from local.kept_flags import keep_flags, restore_flags
from settings import load_settings


def test_flags_and_their_log_are_restored(tmp_path, redis_url):
    with Redis.from_url(redis_url) as redis:
        store = FlagStore(load_settings(None), redis)
        store.set(Flag.SHARING, OFF)
        before = store.read(), list(store.log())
        keep_flags(tmp_path, redis_url)
        redis.flushall()
        restore_flags(tmp_path, redis_url)
        assert (store.read(), list(store.log())) == before
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}


def test_newer_flags_stay(tmp_path, redis_url):
    with Redis.from_url(redis_url) as redis:
        store = FlagStore(load_settings(None), redis)
        store.set(Flag.SHARING, OFF)
        keep_flags(tmp_path, redis_url)
        store.reset(Flag.SHARING)
        newer = store.read()
        restore_flags(tmp_path, redis_url)
        assert store.read() == newer


def test_without_a_file_nothing_is_restored(tmp_path, redis_url):
    restore_flags(tmp_path, redis_url)
    with Redis.from_url(redis_url) as redis:
        assert not redis.keys()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"flags": 1, "log": []}'])
def test_a_damaged_file_is_refused(tmp_path, redis_url, content):
    (tmp_path / "flags.json").write_text(content)
    with pytest.raises(ServiceFailed, match=r"flags\.json: the feature flags cannot be read"):
        restore_flags(tmp_path, redis_url)
