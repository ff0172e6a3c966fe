"""What one ledger decides, with exact numbers."""

import json
from dataclasses import replace

import pytest

from strava.shared_quota.backfill_wait import quota_wait_s
from strava.shared_quota.clock import Reading
from strava.shared_quota.ledger import Ledger
from strava.shared_quota.limits import Numbers, Told
from strava.shared_quota.question import Granted, QuotaAnswer, QuotaAsk, Refused
from strava.shared_quota.rules import QuotaRules

NOON = 20_000 * 86_400 + 12 * 3600
RULES = QuotaRules(Numbers(10, 50, 10, 50), reserve_percent=20, turn=20, call_s=80)
TOLD = Numbers(20, 200, 10, 100)


class Strava:
    """A ledger of one machine, and answers to it; the time is set by hand."""

    def __init__(self, rules=RULES) -> None:
        self.ledger, self.rules, self.now_s, self.calls = Ledger(), rules, float(NOON + 100), 0

    def reading(self, machine="a", **changes) -> Reading:
        return Reading(machine, self.now_s - NOON + 1000, changes.get("shared_s", self.now_s))

    def ask(self, athlete=None, *, read=True, **changes):
        self.calls += 1
        return self.ledger.reserve(
            QuotaAsk(str(self.calls), read, athlete, **changes), self.reading(), self.rules
        )

    def answer(
        self, limits=TOLD, used=(1, 1, 1, 1), *, is_429=False, date_s=None, call=None
    ) -> None:
        told = Told(limits, Numbers(*used)) if limits else None
        date_s = float(int(self.now_s)) if date_s is None else date_s
        self.ledger.settle(
            call or str(self.calls), self.reading(), QuotaAnswer(date_s, told, is_429), self.rules
        )

    def use(self, number: int, athlete=None, *, told=True) -> None:
        """Make requests that are all granted, and answered by the true numbers."""
        for _ in range(number):
            assert isinstance(self.ask(athlete), Granted)
            used = [self.ledger.quarter.sent[0], self.ledger.day.sent[0]] * 2
            self.answer(TOLD if told else None, used)


@pytest.fixture
def strava():
    return Strava()


def test_a_window_ends_at_the_limit_and_opens_at_the_quarter_hour(strava):
    strava.use(10)
    refused = strava.ask()
    assert (refused.reason, refused.until_s) == ("quota", NOON + 900)
    assert refused.wait_s == pytest.approx(800.5)
    strava.now_s += 799
    assert isinstance(strava.ask(), Refused)
    strava.now_s += 2
    strava.use(10)


def test_backfills_leave_the_reserve_to_others(strava):
    strava.use(8, "1")
    assert strava.ask("1").until_s == NOON + 900
    strava.use(2)
    assert isinstance(strava.ask(), Refused)


def test_the_day_ends_at_midnight_utc(strava):
    for quarter in range(10):
        strava.use(10)
        strava.now_s = NOON + 900 * (quarter + 1) + 100
    refused = strava.ask()
    assert refused.until_s == NOON + 12 * 3600
    strava.now_s = NOON + 12 * 3600 + 100
    strava.use(10)


def test_without_headers_the_assumed_limits_hold(strava):
    strava.use(10, told=False)
    assert isinstance(strava.ask(), Refused)


def test_what_others_used_counts(strava):
    strava.use(1)
    assert isinstance(strava.ask(), Granted)
    strava.answer(used=(9, 9, 9, 9))
    assert isinstance(strava.ask(), Granted)
    strava.answer(used=(10, 10, 10, 10))
    assert isinstance(strava.ask(), Refused)


@pytest.mark.parametrize(("told", "used"), [((3, 2), 3), ((2, 3), 3), ((5, 2), 5), ((3, None), 4)])
def test_requests_that_overlap_are_counted_once_all_have_told(strava, told, used):
    """Strava may count one after the other's answer, so until then one more may be used."""
    strava.use(1)
    calls = [strava.ask() and str(strava.calls) for _ in told]
    for call, number in zip(calls, told, strict=True):
        if number is None:
            strava.ledger.settle(call, strava.reading(), None, RULES)
        else:
            strava.answer(used=[number] * 4, call=call)
    assert strava.ledger.quarter.used(0) == strava.ledger.day.used(0) == used


def test_the_first_answer_is_waited_for(strava):
    assert isinstance(strava.ask(), Granted)
    assert strava.ask().reason == "first answer"
    strava.answer(call="1")
    assert isinstance(strava.ask(), Granted)


def test_a_worker_that_died_with_the_first_request_holds_others_for_5_s(strava):
    assert isinstance(strava.ask(), Granted)
    for _ in range(3):  # and so does each after it
        strava.now_s += 4.8
        assert strava.ask().reason == "first answer"
        strava.now_s += 0.4
        assert isinstance(strava.ask(), Granted)
    strava.answer(used=(4, 4, 4, 4))
    assert isinstance(strava.ask(), Granted)


def test_a_higher_limit_holds_once_it_was_told_twice_and_a_lower_one_at_once(strava):
    strava.use(2)
    assert strava.ledger.in_force(RULES) == TOLD
    higher = Numbers(600, 30_000, 600, 30_000)
    strava.ask()
    strava.answer(higher, (3, 3, 3, 3))
    assert strava.ledger.in_force(RULES) == TOLD
    strava.ask()
    strava.answer(higher, (4, 4, 4, 4))
    assert strava.ledger.in_force(RULES) == higher
    strava.ask()
    strava.answer(Numbers(6, 6, 6, 6), (5, 5, 5, 5))
    assert strava.ledger.in_force(RULES) == Numbers(6, 6, 6, 6)
    strava.now_s += 900  # told once only: a wrong header stops nothing for a day
    assert isinstance(strava.ask(), Granted)
    assert strava.ledger.in_force(RULES) == higher


@pytest.mark.parametrize(
    ("limits", "used"),
    [
        (Numbers(0, 0, 0, 0), (1, 1, 1, 1)),
        (Numbers(20, 10, 10, 10), (1, 1, 1, 1)),
        (TOLD, (-1, 1, 1, 1)),
        (TOLD, (5, 1, 5, 1)),
        (TOLD, (2, 190, 2, 90)),  # more than can be, since the last answer
    ],
)
def test_headers_that_cannot_be_are_ignored(strava, limits, used):
    strava.use(1)
    strava.ask()
    strava.answer(limits, used)
    assert strava.ledger.in_force(RULES) == Numbers(10, 50, 10, 50)
    assert (strava.ledger.quarter.used(0), strava.ledger.day.used(0)) == (2, 2)


def test_fewer_used_than_were_sent_are_not_believed(strava):
    strava.use(5)
    strava.ask()
    strava.answer(used=(0, 0, 0, 0))
    assert strava.ledger.quarter.used(0) == 6


def test_a_429_without_headers_blocks_the_quarter_hour_then_longer_each_time(strava):
    strava.use(1)
    for waits in (900, 1800, 3600):
        strava.ask()
        before = strava.now_s
        strava.answer(None, is_429=True)
        refused = strava.ask()
        assert refused.until_s == (before // 900) * 900 + waits
        strava.now_s = refused.until_s + 1
    strava.use(1)
    assert strava.ledger.refusals == 0


def test_clocks_that_jump_do_not_matter(strava):
    strava.use(10)
    for shared_s in (NOON + 90_000, NOON - 90_000):
        reading = strava.reading(shared_s=shared_s)
        assert strava.ledger.reserve(QuotaAsk("x", True), reading, RULES).until_s == NOON + 900
    # another machine, after the jump was noticed
    reading = strava.reading("b", shared_s=NOON - 90_000 + 10)
    assert strava.ledger.reserve(QuotaAsk("x", True), reading, RULES).until_s == NOON + 900


def test_a_wrong_date_counts_only_if_another_answer_agrees(strava):
    strava.use(1)
    strava.ask()
    strava.answer(date_s=NOON + 3600.0)
    assert strava.ledger.at.earliest_s == pytest.approx(NOON + 100, abs=1)
    strava.now_s += 10
    strava.ask()
    strava.answer(date_s=NOON + 3610.0)
    assert strava.ledger.at.earliest_s == pytest.approx(NOON + 3610, abs=1)


def test_the_copy_follows_a_window_that_was_set_back(strava):
    """The machine's clock was ahead by a day until Strava told the time."""
    ahead, limits = strava.reading(shared_s=strava.now_s + 86_400), Numbers(400, 4000, 200, 2000)
    strava.calls = 1
    assert strava.ledger.reserve(QuotaAsk("1", True, None), ahead, RULES).must_keep
    text = strava.ledger.as_kept().to_text()
    strava.answer(limits)
    written = 0
    for used in range(2, 32):
        if strava.ask().must_keep:
            written += 1
            kept = strava.ledger.as_kept().merged(text)
            text = kept.to_text()
            strava.ledger.kept(kept)
        strava.answer(limits, (used,) * 4)
    assert strava.ledger.quarter.number == NOON // 900
    lost = Ledger.from_text(text)
    assert (lost.quarter.number, lost.day.number) == (NOON // 900, NOON // 86_400)
    assert lost.quarter.used(1) >= 31
    assert written < 10  # not before each request


def test_what_is_under_way_at_the_end_of_a_window_counts_in_the_next(strava):
    strava.use(1)
    strava.now_s = NOON + 898.0
    assert isinstance(strava.ask(), Granted)
    strava.now_s = NOON + 905.0
    strava.ledger.begin(strava.reading())
    assert strava.ledger.quarter.used(0) == 1


def test_what_is_sent_before_a_window_counts_in_it_no_more_than_strava_may_count(strava):
    """Redis's clock was ahead by 80 s, so that the first request fell in the next day."""
    strava.now_s = NOON + 43_200 - 70.0
    ahead = strava.reading(shared_s=strava.now_s + 80)
    strava.calls = 1
    assert isinstance(strava.ledger.reserve(QuotaAsk("1", True, None), ahead, RULES), Granted)
    strava.answer()
    strava.use(5)
    assert strava.ledger.day.number == NOON // 86_400
    strava.now_s += 100
    strava.use(9)  # the first may have been Strava's first of the day
    assert isinstance(strava.ask(), Refused)
    assert strava.ledger.day.used(0) == 10


def test_a_machine_whose_time_is_a_little_late_sets_no_window_back(strava):
    strava.use(1)
    strava.now_s = NOON + 901.0
    strava.use(3)
    anchors = strava.ledger.clock.anchors
    anchors["late"] = replace(anchors["a"], strava_s=NOON + 898.0, slack_s=0.5, steady_s=5.0)
    assert strava.ledger.begin(Reading("late", 5.0, NOON + 901.0)).latest_s < NOON + 900
    assert strava.ledger.quarter.number == NOON // 900 + 1
    assert strava.ledger.quarter.used(0) == 3


def test_a_request_of_a_machine_that_does_not_know_the_time_counts_in_the_window_that_it_is(strava):
    """It was away for an hour, by the clock of another one."""
    strava.use(1)
    started = strava.reading("b", shared_s=strava.now_s)
    ask = QuotaAsk("of b", read=True)
    assert isinstance(strava.ledger.reserve(ask, started, RULES), Granted)
    strava.now_s += 3600
    strava.use(1)
    assert strava.ledger.quarter.number == NOON // 900 + 4
    assert strava.ledger.quarter.sent == [2, 2]
    strava.now_s += 85  # its worker died
    strava.ledger.begin(strava.reading())
    assert strava.ledger.calls == {}


def test_athletes_take_turns(strava):
    strava.rules = QuotaRules(Numbers(1000, 9000, 1000, 9000), 0, turn=5, call_s=80)
    strava.use(1, "1", told=False)
    assert isinstance(strava.ask("2"), Granted)
    for _ in range(6):
        assert isinstance(strava.ask("1"), Granted)
    refused = strava.ask("1")
    assert refused.reason == "turn"
    assert 2 < refused.wait_s < 4
    for _ in range(4):
        assert isinstance(strava.ask("2"), Granted)
    assert isinstance(strava.ask("1"), Granted)
    strava.ledger.leave("2")
    for _ in range(20):
        assert isinstance(strava.ask("1"), Granted)


def test_an_athlete_that_does_not_come_is_waited_for_two_minutes(strava):
    strava.rules = QuotaRules(Numbers(1000, 9000, 1000, 9000), 0, turn=1, call_s=80)
    strava.use(1, "1", told=False)
    strava.use(1, "2", told=False)
    strava.use(2, "1", told=False)
    assert strava.ask("1").reason == "turn"
    strava.now_s += 119
    assert strava.ask("1").reason == "turn"
    strava.now_s += 2
    assert isinstance(strava.ask("1"), Granted)


def test_where_the_time_is_not_known_a_backfill_looks_again_soon(strava):
    strava.use(8, "1")
    strava.now_s += 850  # the window opened, which a machine that starts now does not know
    ask, started = QuotaAsk("other", read=True, athlete="2"), strava.reading("b", shared_s=NOON)
    refused = strava.ledger.reserve(ask, started, strava.rules)
    assert (refused.reason, refused.until_s) == ("quota", NOON + 900)
    assert refused.wait_s <= 31
    assert isinstance(strava.ask("1"), Granted)


def test_a_person_may_have_strava_asked_before_the_time(strava):
    strava.use(10)
    assert isinstance(strava.ask(), Refused)
    assert isinstance(strava.ask(forced=True), Granted)
    higher = Numbers(600, 30_000, 600, 30_000)
    strava.answer(higher, (1, 11, 1, 11))
    assert strava.ledger.in_force(RULES) == higher
    assert strava.ledger.quarter.used(1) == 1
    assert isinstance(strava.ask(), Granted)


def test_a_ledger_is_the_same_after_it_was_written(strava):
    strava.use(3, "1")
    strava.ask("2")
    text = strava.ledger.to_text()
    assert Ledger.from_text(text).to_text() == text
    with pytest.raises(ValueError, match="not a ledger"):
        Ledger.from_text(json.dumps({"generation": 1}))


@pytest.mark.parametrize(
    ("requests", "wait_s"),
    [(8, 0), (9, 800), (16, 800), (17, 1700), (80, 8000), (81, 42_200), (161, 128_600)],
)
def test_the_estimate_counts_windows(requests, wait_s):
    strava = Strava()
    strava.use(2)
    strava.now_s = NOON + 1000.0
    strava.ledger.day.sent = [0, 0]
    strava.ledger.begin(strava.reading())
    assert quota_wait_s(strava.ledger, requests, RULES) == pytest.approx(wait_s, abs=2)
