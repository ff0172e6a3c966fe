"""Entries in memory stay within their room, variables counted."""

import time

from graph.cache.entry import CacheEntry
from graph.cache.key import CacheKey
from graph.cache.memory_tier import MemoryTier


def entry(body: bytes) -> CacheEntry:
    return CacheEntry(1, body, 0, time.time(), 60.0)


def key(number: int, variables: bytes = b"[]") -> CacheKey:
    return CacheKey(b"%d" % number, variables, "all")


def test_bodies_and_variables_stay_within_the_room():
    tier = MemoryTier(20_000)
    for number in range(20):
        tier.keep(key(number, b"v" * 1000), entry(b"b" * 1000))
    found = [number for number in range(20) if tier.find(key(number, b"v" * 1000))]
    assert found == list(range(20 - len(found), 20)), "the last ones"
    assert 10_000 < 2000 * len(found) <= tier.bytes <= 20_000


def test_an_entry_of_more_than_a_quarter_is_not_kept_nor_the_one_before_it():
    tier = MemoryTier(20_000)
    tier.keep(key(1), entry(b"b"))
    tier.keep(key(2), entry(b"small"))
    tier.keep(key(1), entry(b"b" * 5000))
    assert tier.find(key(1)) is None
    assert tier.find(key(2)).body == b"small"


def test_an_entry_that_is_replaced_frees_its_room():
    tier = MemoryTier(20_000)
    for _ in range(100):
        tier.keep(key(1), entry(b"b" * 4000))
    assert 4000 < tier.bytes < 5000


def test_no_room_keeps_nothing():
    tier = MemoryTier(0)
    tier.keep(key(1), entry(b""))
    assert tier.find(key(1)) is None
