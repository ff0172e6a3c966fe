"""When cached answers are current."""

import time

import pytest

from graph.cache.entry import CacheEntry, CacheRequest
from graph.cache.freshness import age_if_current, expires_soon
from graph.cache.key import CacheKey

LIFETIME_S = 100.0
REQUEST = CacheRequest(CacheKey(b"digest", b"[]", "all"), 1, 7, LIFETIME_S)


def entry(version: int, age_s: float) -> CacheEntry:
    return CacheEntry(version, b"1", 0, time.time() - age_s, LIFETIME_S)


@pytest.mark.parametrize(
    ("version", "age_s", "is_current", "is_refreshed"),
    [
        (7, 0, True, False),
        (7, 89, True, False),
        (7, 91, True, True),
        (7, 101, False, True),
        (6, 0, False, False),
        (8, 0, False, False),
    ],
)
def test_an_answer_is_current_by_version_and_age(version, age_s, is_current, is_refreshed):
    found = entry(version, age_s)
    age = age_if_current(found, REQUEST)
    assert (age is not None) is is_current
    assert expires_soon(found.age_s, REQUEST) is is_refreshed


def test_an_answer_of_a_clock_ahead_is_new():
    assert age_if_current(entry(7, -50), REQUEST) == 0
