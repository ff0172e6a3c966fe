"""The private Redis."""

import os
from pathlib import Path

import psutil
import pytest
from redis import Redis

from local.embedded_service import ServiceFailed
from local.redis import start_redis


def test_serves_on_its_socket_only_and_ends(tmp_path):
    service = start_redis(tmp_path)
    try:
        with Redis.from_url(service.url, decode_responses=True) as client:
            assert client.config_get("port", "maxmemory-policy", "save", "appendonly") == {
                "port": "0",
                "maxmemory-policy": "volatile-lru",
                "save": "",
                "appendonly": "no",
            }
            client.set("a", 1)
    finally:
        service.stop()
    assert not psutil.pid_exists(service.process.pid)


def test_only_keys_that_expire_are_dropped_when_it_is_full(tmp_path):
    service = start_redis(tmp_path, memory_bytes=16 * 2**20)
    try:
        with Redis.from_url(service.url) as client:
            client.rpush("rq:queue:pacegraph", *range(1000))
            client.hset("pacegraph:flags", mapping={"version": 1, "sharing": "{}"})
            for number in range(400):  # as many answers as need 25 times the memory
                client.set(f"pacegraph:cache:{number}", b"a" * 2**20, px=60_000)
            assert client.llen("rq:queue:pacegraph") == 1000
            assert client.hlen("pacegraph:flags") == 2
            assert client.info("memory")["used_memory"] < 20 * 2**20
            assert client.exists("pacegraph:cache:399")
    finally:
        service.stop()


def test_starts_over_the_socket_of_a_killed_one(tmp_path):
    first = start_redis(tmp_path)
    first.process.kill()
    first.process.wait()
    assert (tmp_path / "redis" / "redis.sock").exists()
    start_redis(tmp_path).stop()


def test_a_second_one_on_the_same_folder_names_the_first(tmp_path):
    first = start_redis(tmp_path)
    try:
        with pytest.raises(
            ServiceFailed, match=f"is already served by process {first.process.pid}"
        ):
            start_redis(tmp_path)
    finally:
        first.stop()


def test_a_long_path_gets_a_short_folder_for_the_socket(tmp_path):
    service = start_redis(tmp_path / ("deep-" * 20))
    sockets = service.temporary_folder
    assert sockets
    with Redis.from_url(service.url) as client:
        assert client.ping()
    service.stop()
    assert not sockets.exists()


@pytest.mark.parametrize(
    ("version", "is_used"), [("v=6.0.16", False), ("v=7.2.4", True), ("nonsense", False)]
)
def test_the_one_on_path_is_used_when_it_is_new_enough(tmp_path, monkeypatch, version, is_used):
    own = tmp_path / "bin" / "redis-server"
    own.parent.mkdir()
    own.write_text(
        f'#!/bin/sh\n[ "$1" = --version ] && echo "Redis server {version}" && exit\necho own; exit 3\n'
    )
    own.chmod(0o755)
    monkeypatch.setenv("PATH", str(own.parent), prepend=os.pathsep)
    if is_used:
        with pytest.raises(
            ServiceFailed, match=r"ended with code 3; its log, .*redis\.log:\n    own$"
        ):
            start_redis(tmp_path)
    else:
        start_redis(tmp_path).stop()
    assert Path(own).exists()
