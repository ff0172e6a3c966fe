"""REDIS_URL with several servers."""

import pytest

from settings import InvalidSettings, RedisServers, load_settings

REFUSED = {
    "redis+sentinel://host:26379": "must name the service",
    "redis+sentinel://host:26379/a/b/c": "/service/database",
    "redis+sentinel://host:26379/a/x": "/service/database",
    "redis+sentinel://:26379/a": "must have hosts",
    "redis+sentinel://host:port/a": "must have hosts",
    "redis+sentinel://host/a?password=x": "a parameter that is not known: password",
    "redis+cluster://one,two/1": "a cluster has one database",
    "redis+cluster://one/?password=x": "a cluster has one database",
    "redis+cluster://one,": "must have hosts",
    "sentinel://host/a": "must be a URL that starts with",
}


@pytest.mark.parametrize(("url", "reason"), REFUSED.items())
def test_what_cannot_be_read_is_refused_with_the_remedy(url, reason):
    with pytest.raises(InvalidSettings, match=f"REDIS_URL: .*{reason}"):
        load_settings(None, redis_url=url)


def test_no_password_is_told():
    with pytest.raises(InvalidSettings) as refused:
        load_settings(None, redis_url="redis+sentinel://ana:tell-nobody@host")
    assert "tell-nobody" not in str(refused.value)


def test_all_parts_of_sentinels_are_read():
    url = "rediss+sentinel://ana:s%40crt@one,two:7,[::1]:8/main/3?sentinel_password=other"
    assert RedisServers.from_url(url) == RedisServers(
        (("one", 26379), ("two", 7), ("::1", 8)),
        "main",
        {"username": "ana", "password": "s@crt", "ssl": True, "db": 3},
        {"password": "other"},
    )
    assert RedisServers.from_url("redis://host:6379/0") is None
    assert RedisServers.from_url("rediss+cluster://ana:s%40crt@one,two:7/0") == RedisServers(
        (("one", 6379), ("two", 7)),
        None,
        {"username": "ana", "password": "s@crt", "ssl": True},
        {},
    )
