"""How often a worker asks Redis, and what it does where another one wrote first."""

from strava.shared_quota.limits import Numbers
from strava.shared_quota.question import AnsweredCall, Granted, QuotaAnswer, QuotaAsk
from strava.shared_quota.rules import QuotaRules
from strava.shared_quota.store import Shared, SharedLedger

NOON = 20_000 * 86_400 + 12 * 3600
RULES = QuotaRules(Numbers(100, 1000, 100, 1000), reserve_percent=20, turn=20, call_s=80)


class Value:
    """A key of Redis; `calls` are what was asked of it."""

    def __init__(self) -> None:
        self.now = Shared("", float(NOON), "first")
        self.calls: list[str] = []
        self.answers_late = lambda: None

    def read(self) -> Shared:
        self.calls.append("read")
        return self.now

    def replace(self, old: Shared, new: str) -> tuple[bool, Shared]:
        self.calls.append("replace")
        if is_set := (old.value, old.life) == (self.now.value, self.now.life):
            self.now = Shared(new, self.now.time_s, self.now.life)
        self.answers_late()
        return is_set, self.now


class Copy:
    def __init__(self) -> None:
        self.generation, self.text = 0, None

    def take_over(self):
        self.generation += 1
        return self.generation, self.text, float(NOON)

    def change(self, generation, change) -> bool:
        if generation == self.generation:
            self.text = change(self.text)
        return generation == self.generation


def answered(call: str) -> AnsweredCall:
    return AnsweredCall(call, QuotaAnswer(float(NOON), None, is_429=False))


class Workers:
    """Two workers of one machine, whose clock is set by hand."""

    def __init__(self) -> None:
        self.value, self.copy, self.steady_s, self.number = Value(), Copy(), 1000.0, 0
        self.both = [
            SharedLedger(self.value, self.copy, RULES, lambda: ("machine", self.steady_s))
            for _ in range(2)
        ]

    def request(self, which: int = 0) -> list[str]:
        """Make a request; returns what was asked of Redis."""
        self.number += 1
        self.value.calls.clear()
        call, worker = str(self.number), self.both[which]
        decision, _ = worker.reserve(QuotaAsk(call, read=True))
        assert isinstance(decision, Granted)
        worker.settle(answered(call))
        return list(self.value.calls)

    @property
    def used(self) -> int:
        _, ledger = self.both[0].reserve(QuotaAsk("last", read=True))
        return ledger.quarter.used(0) - 1


def test_a_worker_alone_asks_once_before_and_once_after_a_request():
    workers = Workers()
    assert workers.request() == ["read", "replace", "replace"]
    assert workers.request() == ["replace"] * 2
    workers.steady_s += 60
    assert workers.request() == ["read", "replace", "replace"]


def test_an_answer_that_waits_for_the_next_request_is_settled_by_the_same_call():
    workers = Workers()
    worker = workers.both[0]
    worker.reserve(QuotaAsk("first", read=True))
    workers.value.calls.clear()
    _, ledger = worker.reserve(QuotaAsk("second", read=True), answered("first"))
    assert workers.value.calls == ["replace"]
    assert list(ledger.calls) == ["second"]
    assert ledger.settles == 1
    assert ledger.quarter.used(0) == 2


def test_what_another_worker_wrote_meanwhile_is_met_at_once():
    workers = Workers()
    made = [workers.request(number % 2) for number in range(6)]
    assert made[-1] == ["replace"] * 3  # the first one met the other's value
    assert workers.used == len(made)


def test_a_redis_that_begins_a_new_life_with_the_same_value_is_noticed():
    workers = Workers()
    for _ in range(8):
        workers.request()
    workers.value.now = Shared(workers.value.now.value, float(NOON), "second")
    workers.request()
    assert workers.copy.generation == 2
    assert workers.used >= 9


def test_the_time_that_redis_took_to_answer_is_not_taken_for_time_there():
    workers = Workers()

    def answer_late() -> None:
        workers.steady_s += 0.7

    workers.value.answers_late = answer_late
    times = [
        workers.both[0]._change_shared(lambda _, now: now.shared_s)[0] - NOON for _ in range(2)
    ]
    assert times == [0, 0]
    assert workers.value.calls == ["read", "replace", "replace"]
