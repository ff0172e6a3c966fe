"""Bounded maps drop what was not used for longest, and stay within their room."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.bounded_map import LruMap, SegmentedLru, WeightedLru


def test_the_least_recently_used_entry_is_dropped():
    kept = LruMap[str, int](2)
    kept.keep("a", 1)
    kept.keep("b", 2)
    assert kept.find("a") == 1
    kept.keep("c", 3)
    assert (kept.find("a"), kept.find("b"), kept.find("c")) == (1, None, 3)


def test_what_is_dropped_for_an_entry_is_returned_even_itself():
    kept = WeightedLru[str, str](10, lambda _, value: len(value))
    assert kept.keep("a", "x" * 6) == []
    assert kept.keep("b", "x" * 6) == [("a", "x" * 6)]
    assert kept.keep("c", "x" * 11) == [("b", "x" * 6), ("c", "x" * 11)]
    assert (len(kept), kept.weight) == (0, 0)


def test_an_entry_is_found_without_a_walk_over_all():
    asked = []

    class Key(str):
        __slots__ = ()
        __hash__ = str.__hash__

        def __eq__(self, other: object) -> bool:
            asked.append(other)
            return str.__eq__(self, other)

    kept = WeightedLru[str, int](100, lambda _, weight: weight)
    for number in range(50):
        kept.keep(str(number), 1)
    assert Key("49") in kept
    assert Key("50") not in kept
    assert len(asked) < 5


KEYS = st.sampled_from("abcdef")


@given(st.lists(st.tuples(st.sampled_from(["keep", "find", "remove"]), KEYS, st.integers(0, 7))))
def test_the_weight_is_that_of_the_entries_and_never_above_the_limit(steps):
    kept = WeightedLru[str, int](12, lambda _, weight: weight)
    expected: dict[str, int] = {}
    for step, key, weight in steps:
        if step == "keep":
            expected[key] = weight
            for dropped, _ in kept.keep(key, weight):
                del expected[dropped]
        elif step == "find":
            assert kept.find(key) == expected.get(key)
        else:
            assert kept.remove(key) == expected.pop(key, None)
        assert kept.weight == sum(expected.values()) <= 12
        assert len(kept) == len(expected)


@pytest.mark.parametrize("found_again", [True, False])
def test_new_texts_do_not_displace_those_in_use(found_again):
    kept = SegmentedLru[int](40)
    kept.keep("in use", 1)
    if found_again:
        assert kept.find("in use") == 1
    for number in range(100):
        kept.keep(f"new {number:04}", number)
    assert kept.find("in use") == (1 if found_again else None)
    assert kept.find("new 0099") == 99
    assert kept.find("new 0098") is None, "what is new has a quarter of the room"


def test_texts_in_use_are_bounded_too():
    kept = SegmentedLru[int](40)
    for number in range(10):
        kept.keep(f"text {number:05}", number)
        assert kept.find(f"text {number:05}") == number
    assert sum(kept.find(f"text {number:05}") is not None for number in range(10)) == 4


def test_what_has_grown_is_weighed_again_and_drops_the_others():
    kept = SegmentedLru[list[int]](40, lambda _, value: value[0])
    values = {name: [5] for name in "abcd"}
    for name, value in values.items():
        kept.keep(name, value)
        assert kept.find(name) is value
    assert kept.weight == 20
    values["d"][0] = 20
    kept.weigh_again("d")
    assert (kept.weight, kept.find("a"), kept.dropped) == (35, values["a"], 0)
    values["d"][0] = 50
    kept.weigh_again("d")
    assert kept.find("d") is None, "it has no room even alone"
    assert kept.weight <= 40
    assert kept.dropped > 0
    kept.weigh_again("d")  # is not here any more
    assert kept.weight <= 40


def test_what_was_not_found_for_a_while_is_dropped():
    kept = SegmentedLru[str](100)
    for name in ("used", "new", "idle"):
        kept.keep(name, name)
    assert kept.find("used")
    assert kept.drop_idle() == 0
    assert kept.find("used")
    assert kept.find("new")
    kept.keep("later", "later")
    assert kept.drop_idle() == 1
    assert [kept.find(name) for name in ("used", "new", "idle", "later")] == [
        "used", "new", None, "later",
    ]  # fmt: skip
    assert kept.drop_idle() == 0
    assert kept.drop_idle() == 3
    assert (len(kept), kept.weight, kept.dropped) == (0, 0, 0)
