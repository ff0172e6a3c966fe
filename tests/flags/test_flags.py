"""The flags of one process: settings, what Redis holds over them, and OpenFeature in between."""

import logging

import pytest
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import ErrorCode
from openfeature.flag_evaluation import Reason
from openfeature.hook import Hook

from flags.flags import Flags
from flags.rollout import OFF, ON, Rollout, write_json
from flags.switches import Flag, Switches
from settings import load_settings


def make_flags(**changes) -> Flags:
    return Flags(load_settings(None, **changes))


def held(version: int, **rollouts: Rollout | bytes) -> dict[bytes, bytes]:
    fields = {
        name.replace("_", "-").encode(): each if isinstance(each, bytes) else write_json(each)
        for name, each in rollouts.items()
    }
    return {b"version": str(version).encode(), **fields}


def test_settings_are_the_defaults():
    assert make_flags().everybody == Switches()
    off = {
        "background_sync": "off", "cache": "off", "cost_mode": "report", "rate_limiting": "off",
        "planned_execution": "off", "legacy": "off", "sharing": "on",
    }  # fmt: skip
    assert make_flags(**off).everybody == Switches(
        False, False, False, False, False, False, sharing=True
    )


@pytest.mark.parametrize("flag", Flag)
def test_what_redis_holds_is_over_the_settings(flag):
    name = flag.value.replace("-", "_")
    flags = make_flags()
    for number, rollout in enumerate((OFF, ON, OFF), start=1):
        flags.heed(held(number, **{name: rollout}))
        assert getattr(flags.everybody, name) is (rollout is ON)
        others = {
            each: getattr(flags.everybody, each) for each in Switches.__slots__ if each != name
        }
        assert others == {each: getattr(Switches(), each) for each in others}
    flags.heed(held(4))
    assert flags.everybody == Switches()


def test_a_caller_is_told_apart_only_while_a_flag_does():
    flags = make_flags()
    flags.heed(held(1, sharing=Rollout(0, on_for=frozenset({"athlete:1"})), resolver_cache=OFF))
    assert flags.everybody is None
    assert flags.of("athlete:1") == Switches(resolver_cache=False, sharing=True)
    assert flags.of("athlete:2") == Switches(resolver_cache=False)
    assert flags.of("athlete:1") is flags.of("athlete:1")
    flags.heed(held(2, sharing=Rollout(0, on_for=frozenset({"athlete:2"}))))
    assert (flags.of("athlete:1").sharing, flags.of("athlete:2").sharing) == (False, True)
    flags.heed(held(3))
    assert flags.of("athlete:2") is flags.everybody


def test_no_more_callers_are_kept_than_there_is_room_for():
    flags = make_flags()
    flags.heed(held(1, sharing=Rollout(50)))
    first = flags.of("athlete:0")
    assert flags.of("athlete:0") is first
    for number in range(1, 10_050):
        flags.of(f"athlete:{number}")
    assert flags.of("athlete:0") is not first


@pytest.mark.parametrize("nonsense", [b"", b"{", b"[]", b'{"state": 1000}'])
def test_a_flags_last_state_stays_where_redis_holds_nonsense(nonsense, caplog):
    flags = make_flags()
    flags.heed(held(1, sharing=ON, rate_limiting=OFF))
    for number in range(2, 5):
        flags.heed(
            held(number, sharing=nonsense, cost_limiting=nonsense, bla=nonsense, rate_limiting=ON)
        )
        assert flags.everybody == Switches(sharing=True)
    assert flags.nonsense == 3
    assert len([each for each in caplog.records if "no flag" in each.message]) == 3
    flags.heed(held(5, sharing=OFF, cost_limiting=OFF))
    assert flags.everybody == Switches(cost_limiting=False)


@pytest.mark.parametrize(
    "lost", [{}, held(1), held(2, sharing=OFF), {b"sharing": write_json(OFF)}, {b"version": b"x"}]
)
def test_what_redis_lost_stays_and_is_written_back(lost):
    flags = make_flags()
    before = held(7, sharing=ON)
    assert flags.heed(before) is None
    assert flags.heed(lost) == before
    assert flags.everybody == Switches(sharing=True)


def test_nothing_is_written_back_where_nothing_was():
    assert make_flags().heed({}) is None


def test_each_change_is_one_line_with_all_that_is_known(caplog):
    caplog.set_level(logging.INFO)
    flags = make_flags()
    flags.heed(held(1, sharing=Rollout(25, by="ann", reason="try it")))
    flags.heed(held(1, sharing=Rollout(25, by="ann", reason="try it")))
    flags.heed(held(2))
    first, second = [each for each in caplog.records if each.message == "a flag changed"]
    assert {each.name for each in (first, second)} == {"pacegraph.flags"}
    assert (first.flag, first.old, first.new, first.by, first.reason) == (
        "sharing",
        "off",
        "25%",
        "ann",
        "try it",
    )
    assert (second.old, second.new, second.source) == ("25%", "off", "settings")
    assert flags.changes == 2


def test_redis_away_is_said_once_and_changes_nothing(caplog):
    caplog.set_level(logging.INFO)
    flags = make_flags()
    flags.heed(held(1, sharing=ON))
    for _ in range(5):
        flags.lose(ConnectionError("gone"))
    assert flags.everybody == Switches(sharing=True)
    flags.heed(held(1, sharing=ON))
    messages = [each.message for each in caplog.records]
    assert messages.count("Redis does not tell the flags; they stay as they are") == 1
    assert messages.count("Redis tells the flags again") == 1
    assert flags.losses == 5


def test_whoever_listens_hears_of_a_change_when_it_holds():
    flags, heard = make_flags(), []
    flags.listen(lambda: heard.append(flags.everybody))
    flags.heed(held(1, sharing=ON))
    flags.heed(held(2, sharing=ON))  # nothing is different
    assert heard == [Switches(sharing=True)]


# --- OpenFeature


class Notes(Hook):
    """Notes what is evaluated."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str | None, bool, str]] = []

    def after(self, hook_context, details, hints) -> None:
        key = hook_context.evaluation_context.targeting_key
        self.seen.append((hook_context.flag_key, key, details.value, details.reason))


class Broken(Hook):
    def before(self, hook_context, hints) -> None:
        raise RuntimeError("an operator's mistake")


@pytest.fixture
def hooked():
    yield api.add_hooks
    api.clear_hooks()


def test_operators_hooks_see_each_evaluation(hooked):
    flags, notes = make_flags(), Notes()
    hooked([notes])
    rollout = Rollout(50, on_for=frozenset({"athlete:7"}))
    flags.heed(held(1, sharing=rollout, resolver_cache=OFF))
    assert ("resolver-cache", None, False, Reason.DISABLED) in notes.seen
    assert ("rate-limiting", None, True, Reason.DEFAULT) in notes.seen
    notes.seen.clear()
    for key in ("athlete:7", "athlete:8", "athlete:8"):
        flags.of(key)
    is_on = rollout.is_on(Flag.SHARING, "athlete:8")
    expected = [("athlete:7", True, Reason.TARGETING_MATCH), ("athlete:8", is_on, Reason.SPLIT)]
    assert notes.seen == [("sharing", *each) for each in expected]


def test_a_hook_that_fails_changes_nothing(hooked):
    flags = make_flags()
    hooked([Broken()])
    flags.heed(held(1, rate_limiting=OFF, sharing=ON))
    assert flags.everybody == Switches(rate_limiting=False, sharing=True)


def test_operators_own_code_may_ask_too():
    flags = make_flags()
    flags.heed(
        held(
            1, sharing=Rollout(0, off_for=frozenset({"athlete:1"}), on_for=frozenset({"athlete:2"}))
        )
    )
    client = api.get_client(flags.domain)
    asked = client.get_boolean_details("sharing", False, EvaluationContext("athlete:2"))
    assert (asked.value, asked.variant, asked.reason) == (True, "on", Reason.TARGETING_MATCH)
    assert client.get_boolean_details("bla", True).error_code is ErrorCode.FLAG_NOT_FOUND
    assert client.get_string_details("sharing", "x").error_code is ErrorCode.TYPE_MISMATCH


def test_two_processes_worth_of_flags_live_side_by_side():
    first, second = make_flags(), make_flags()
    first.heed(held(1, sharing=ON))
    assert (first.everybody.sharing, second.everybody.sharing) == (True, False)
    second.heed(held(1, rate_limiting=OFF))
    assert (first.everybody.rate_limiting, second.everybody.rate_limiting) == (True, False)
