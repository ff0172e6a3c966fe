"""For whom a flag is on: percentages that are stable and only grow, lists, the kill switch, what
Redis may hold.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flags.rollout import (
    OFF,
    ON,
    InvalidRollout,
    Rollout,
    place_of,
    read_json,
    read_state,
    write_json,
)
from flags.switches import Flag
from flags.targeting import InvalidKey, read_key

FLAGS = st.sampled_from(Flag)
KEYS = st.integers(1, 2**62).map("athlete:{}".format) | st.ip_addresses(v=4).map(
    "address:{}".format
)
PERCENTAGES = st.integers(0, 100) | st.floats(0, 100)
ROLLOUTS = st.builds(
    Rollout,
    PERCENTAGES,
    st.booleans(),
    st.frozensets(KEYS, max_size=3),
    st.frozensets(KEYS, max_size=3),
)
PEOPLE = [f"athlete:{number}" for number in range(10_000)]


def people_with(flag: Flag, percent: float) -> set[str]:
    rollout = Rollout(percent)
    return {each for each in PEOPLE if rollout.is_on(flag, each)}


@given(FLAGS, KEYS, PERCENTAGES, PERCENTAGES)
def test_who_is_on_at_a_percentage_is_on_at_any_higher_one(flag, key, first, second):
    low, high = sorted((first, second))
    assert Rollout(low).is_on(flag, key) <= Rollout(high).is_on(flag, key)


@given(FLAGS, KEYS)
def test_nobody_is_on_at_0_and_everybody_at_100(flag, key):
    assert not Rollout(0).is_on(flag, key)
    assert Rollout(100).is_on(flag, key)
    assert 0 <= place_of(flag, key) < 100


def test_places_stay_the_same_for_good():
    """A change here would switch people on and off with an update of pacegraph."""
    assert [round(place_of(Flag.SHARING, f"athlete:{number}"), 2) for number in (1, 2, 3)] == [
        62.13,
        97.1,
        73.49,
    ]


@pytest.mark.parametrize("percent", [1, 10, 50, 90])
def test_a_percentage_is_about_that_part_of_the_people_and_others_for_each_flag(percent):
    first, second = people_with(Flag.SHARING, percent), people_with(Flag.RESOLVER_CACHE, percent)
    assert abs(len(first) - 100 * percent) < 200
    expected = percent * percent  # of 10,000, who is in both by chance
    assert abs(len(first & second) - expected) < 50 + expected / 10


@given(ROLLOUTS, FLAGS, KEYS)
def test_the_kill_switch_wins_over_everything(rollout, flag, key):
    killed = Rollout(rollout.percent, True, rollout.on_for | {key}, rollout.off_for)
    assert not killed.is_on(flag, key)
    assert killed.is_for_all


@given(ROLLOUTS.filter(lambda each: not each.is_killed), FLAGS)
def test_lists_win_over_the_percentage_and_off_over_on(rollout, flag):
    for key in rollout.off_for:
        assert not rollout.is_on(flag, key)
    for key in rollout.on_for - rollout.off_for:
        assert rollout.is_on(flag, key)


@given(ROLLOUTS, FLAGS, KEYS)
def test_what_is_for_all_is_the_same_for_everybody(rollout, flag, key):
    if rollout.is_for_all:
        everybody = rollout.is_on(flag, None)
        assert all(
            rollout.is_on(flag, each) == everybody
            for each in (key, *rollout.on_for, *rollout.off_for)
        )


@given(ROLLOUTS)
def test_redis_holds_all_of_it(rollout):
    read = read_json(write_json(rollout))
    assert (read.is_killed, read.on_for, read.off_for) == (
        rollout.is_killed,
        rollout.on_for,
        rollout.off_for,
    )
    assert rollout.is_killed or read.percent == rollout.percent


@pytest.mark.parametrize(
    "held",
    [
        b"", b"x", b"[]", b"null", b"{}", b'{"state": "maybe"}', b'{"state": true}', b'{"state": 101}',
        b'{"state": -1}', b'{"state": NaN}', b'{"state": ["on"]}', b'{"state": "on", "off_for": "athlete:1"}',
        b'{"state": "on", "off_for": [1]}', b'{"state": "on", "off_for": ["bob"]}', b'{"state": "on", "on_for": null}',
        b"\xff\x00", b"[" * 100_000,
    ],
)  # fmt: skip
def test_nonsense_is_told_from_a_rollout(held):
    with pytest.raises(InvalidRollout):
        read_json(held)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("on", ON),
        ("off", OFF),
        (" ON ", ON),
        ("25%", Rollout(25)),
        ("0%", Rollout(0)),
        ("0.5%", Rollout(0.5)),
    ],
)
def test_values_that_operators_write(text, wanted):
    assert read_state(text) == wanted


@pytest.mark.parametrize(
    "text", ["", "25", "-1%", "101%", "nan%", "inf%", "%", "yes", "1e999%", "on%"]
)
def test_values_that_are_none(text):
    with pytest.raises(InvalidRollout):
        read_state(text)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("athlete:12", "athlete:12"),
        (" athlete:012", "athlete:12"),
        ("account:3", "account:3"),
        ("address:192.0.2.7", "address:192.0.2.7"),
        ("address:::ffff:192.0.2.7", "address:192.0.2.7"),
        ("address:2001:db8:1:2:3::4", "address:2001:db8:1:2::/64"),
        ("address:2001:db8:1:2::/64", "address:2001:db8:1:2::/64"),
    ],
)
def test_keys_are_written_as_requests_are_counted(text, key):
    assert read_key(text) == key


@pytest.mark.parametrize(
    "text",
    ["", "bob", "athlete:", "athlete:0", "athlete:x", "athlete:-1", "athlete:٣", "athlete:" + "9" * 5000,
     "address:", "address:bob", "address:10.0.0.0/8", "address:2001:db8::/48", "runner:1"],
)  # fmt: skip
def test_keys_that_name_nobody(text):
    with pytest.raises(InvalidKey):
        read_key(text)
