"""Counts of what is still used: in Redis, bounded, and never in anybody's way."""

import json
import logging
import os
import subprocess
import sys
import threading
import time
import tracemalloc
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis import Redis

from legacy import uses
from legacy.uses import LegacyUses, counted_since, forget_uses, read_uses
from settings import child_environment, load_settings
from tests.patience import PATIENCE_S

ROOT = Path(__file__).parents[2]


@pytest.fixture
def counting(redis_url):
    return load_settings(None, redis_url=redis_url)


@pytest.fixture
def counter():
    """Makes counters, and ends their threads."""
    made: list[LegacyUses] = []

    def make(settings) -> LegacyUses:
        made.append(LegacyUses(settings))
        return made[-1]

    yield make
    for each in made:
        each.end()


@pytest.fixture
def away(redis_url, services_home, tmp_path):
    """Settings of a Redis that is away, and what brings it back."""
    path = services_home / tmp_path.name  # a socket's path has to be short
    server = Path(urlsplit(redis_url).path)
    return load_settings(None, redis_url=f"unix://{path}"), partial(path.symlink_to, server)


def until(condition):
    ends = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.02)


def known(settings):
    return [(*use.place, use.count) for use in read_uses(settings)]


def test_uses_of_several_processes_are_added(counting, counter):
    one, other = counter(counting), counter(counting)
    for _ in range(3):
        one.count_route("GET /v1/athletes")
    other.count_route("GET /v1/athletes")
    other.count_import("database.get_db", "main.py:7")
    until(lambda: len(read_uses(counting)) == 2 and read_uses(counting)[0].count == 4)
    assert known(counting) == [
        ("route", "GET /v1/athletes", "", 4),
        ("import", "database.get_db", "main.py:7", 1),
    ]


def test_the_first_and_the_last_use_are_known(counting, redis_url, counter):
    before = json.dumps(["route", "GET /v1/athletes", ""])
    with Redis.from_url(redis_url) as redis:
        redis.hset(uses.USES_KEY, before, "7 1000 2000")
    counter(counting).count_route("GET /v1/athletes")
    until(lambda: read_uses(counting)[0].count == 8)
    [use] = read_uses(counting)
    assert use.first.timestamp() == 1000
    assert abs(use.last.timestamp() - time.time()) < 10


def test_it_is_known_since_when_there_are_counts(counting, redis_url, counter):
    """Also where nothing was used: else "nothing" may mean that nobody counted, or that Redis lost
    what was.
    """
    assert counted_since(counting) is None
    began = time.time()
    counter(counting).watch()
    until(lambda: counted_since(counting) is not None)
    assert abs(counted_since(counting).timestamp() - began) < 10
    with Redis.from_url(redis_url) as redis:
        redis.hset(uses.USES_KEY, uses.SINCE_FIELD, 5000)
        redis.hset(uses.USES_KEY, json.dumps(["route", "GET /v1/athletes", ""]), "7 1000 2000")
        assert counted_since(counting).timestamp() == 1000
        forget_uses(counting)
        assert counted_since(counting).timestamp() >= round(began)
        redis.flushdb()
    assert counted_since(counting) is None


def test_what_was_noted_is_counted_at_once_and_once(counting, counter):
    noted = counter(counting)
    seen = []
    for _ in range(40):
        noted.count_route("GET /health")
        seen.append(noted.counts()["route", "GET /health"])
        time.sleep(0.05)
    assert seen == list(range(1, 41))


def test_other_processes_uses_are_counted_too(counting, counter):
    counter(counting).count_import("database.Base", "models.py:1")
    until(lambda: read_uses(counting))
    watching = counter(counting)
    watching.watch()
    until(lambda: watching.counts() == {("import", "database.Base"): 1})


def test_the_number_of_places_is_bounded(counting, redis_url, counter):
    with Redis.from_url(redis_url) as redis:
        redis.hset(
            uses.USES_KEY,
            mapping={f"other {number}": "1 1 1" for number in range(uses.MOST_PLACES)},
        )
        noted = counter(counting)
        for line in range(uses.MOST_PLACES * 2):
            noted.count_import("database.Base", f"models.py:{line}")
        until(lambda: sum(use.count for use in read_uses(counting)) == uses.MOST_PLACES * 2)
        assert redis.hlen(uses.USES_KEY) == uses.MOST_PLACES + 2  # with when the counting began
    assert known(counting) == [("import", "database.Base", "(elsewhere)", uses.MOST_PLACES * 2)]


def test_the_places_that_wait_for_redis_are_bounded(away, counter):
    settings, _ = away
    noted = counter(settings)

    def count(number):
        """Count uses of new places, some of them while Redis is tried in vain."""
        for line in range(uses.MOST_PLACES):
            noted.count_import("database.Base", f"models.py:{number}-{line}")
            if line % 100 == 0:
                time.sleep(0.03)

    def taken():
        """Bytes more than before; a try that is under way takes some for itself."""
        return tracemalloc.get_traced_memory()[0] - before

    count(0)
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        for number in range(1, 4):
            count(number)
        until(lambda: taken() < 100 * uses.MOST_PLACES)  # less than new places take
    finally:
        tracemalloc.stop()
    assert noted.counts() == {("import", "database.Base"): 4 * uses.MOST_PLACES}


def test_what_does_not_belong_there_does_not_hide_the_rest(counting, redis_url):
    with Redis.from_url(redis_url) as redis:
        redis.hset(
            uses.USES_KEY,
            mapping={"x": "y", "[1]": "1 2 3", json.dumps(["route", "a", ""]): "1 2 3"},
        )
    assert known(counting) == [("route", "a", "", 1)]


def test_forgetting_begins_anew(counting, counter):
    counter(counting).count_route("a")
    until(lambda: read_uses(counting))
    forget_uses(counting)
    assert read_uses(counting) == []


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:1", "redis://10.255.255.1:6379", "unix:///nowhere"]
)
def test_without_redis_nothing_fails_waits_or_is_lost(url, counter):
    noted = counter(load_settings(None, redis_url=url))
    started = time.monotonic()
    for _ in range(1000):
        noted.count_route("GET /v1/athletes")
    assert time.monotonic() - started < 10, "one wait for each would take minutes"
    time.sleep(2.5)
    assert noted.counts() == {("route", "GET /v1/athletes"): 1000}


def test_what_waited_for_redis_is_written_when_it_is_back(counting, away, counter, caplog):
    settings, come_back = away
    caplog.set_level(logging.INFO)
    counter(settings).count_route("a")
    until(lambda: "uses of old names are not counted" in caplog.text)
    come_back()
    until(lambda: known(counting) == [("route", "a", "", 1)])


def test_a_script_that_ends_at_once_is_counted(counting, redis_url):
    code = "from legacy.uses import process_uses; process_uses().count_import('database.engine', 'run.py:1')"
    started = time.monotonic()
    environment = child_environment(REDIS_URL=redis_url)
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, check=True)
    assert time.monotonic() - started < 30
    assert known(counting) == [("import", "database.engine", "run.py:1", 1)]


def test_a_forked_process_counts_its_own(counting, counter):
    noted = counter(counting)
    noted.count_route("parent")
    child = os.fork()
    if not child:
        noted.count_route("child")
        noted.end()
        os._exit(0)
    os.waitpid(child, 0)
    until(lambda: len(read_uses(counting)) == 2)
    assert sorted(known(counting)) == [("route", "child", "", 1), ("route", "parent", "", 1)]


def test_the_import_of_the_counter_does_not_bring_redis():
    code = "import sys, legacy.uses; sys.exit('redis' in sys.modules or 'prometheus_client' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_at_the_end_all_is_written_and_the_thread_is_gone(counting):
    before = set(threading.enumerate())
    noted = LegacyUses(counting)
    noted.count_route("a")
    assert set(threading.enumerate()) - before
    noted.end()
    assert known(counting) == [("route", "a", "", 1)]
    assert set(threading.enumerate()) <= before
    noted.count_route("b")
    assert known(counting) == [("route", "a", "", 1)]
