"""When the gate settles a request: a backfill's together with its next one."""

import pytest
from urllib3 import HTTPHeaderDict

from strava.shared_quota.gate import QuotaAsker, QuotaGate
from strava.shared_quota.store import SharedLedger
from tests.strava.shared_quota.test_store import RULES, Copy, Value

HEADERS = HTTPHeaderDict(
    {
        "Date": "Fri, 04 Oct 2024 12:00:00 GMT",
        "X-RateLimit-Limit": "200,2000",
        "X-RateLimit-Usage": "9,9",
    }
)


class Gate:
    """A gate, and what it asks Redis."""

    def __init__(self, asker: QuotaAsker) -> None:
        self.value = Value()
        ledger = SharedLedger(self.value, Copy(), RULES, lambda: ("machine", 1000.0))
        self.gate = QuotaGate(ledger, RULES)
        self.gate.asker = asker

    def request(self, status: int = 200) -> int:
        """Make a request; returns how often that changed the ledger in Redis."""
        self.value.calls.clear()
        with self.gate.request(read=True) as request:
            request.answered(status, HEADERS)
        return self.value.calls.count("replace")

    @property
    def under_way(self) -> int:
        return len(self.gate.last.calls)


def test_a_backfill_asks_redis_once_a_request_and_settles_all_in_the_end():
    gate = Gate(QuotaAsker("1"))
    assert gate.request() == 2  # others wait for the first answer of all
    assert [gate.request() for _ in range(5)] == [1] * 5
    assert gate.under_way == 1
    gate.gate.settle_rest()
    assert (gate.under_way, gate.gate.last.settles, gate.gate.last.quarter.sent[0]) == (0, 6, 6)
    gate.value.calls.clear()
    gate.gate.settle_rest()
    assert gate.value.calls == []


def test_a_refusal_of_strava_is_settled_at_once():
    gate = Gate(QuotaAsker("1"))
    gate.request()
    assert gate.request(429) == 2
    assert gate.under_way == 0
    assert gate.gate.refusal(read=True) is not None


@pytest.mark.parametrize("first", [None, 20])
def test_requests_that_go_first_are_settled_at_once(first):
    gate = Gate(QuotaAsker("1", first))
    assert [gate.request() for _ in range(3)] == [2] * 3
    assert gate.under_way == 0


def test_what_cannot_be_settled_ends_no_job(caplog):
    gate = Gate(QuotaAsker("1"))
    assert [gate.request() for _ in range(2)] == [2, 1]
    gate.value.replace = None  # whatever goes wrong there
    gate.gate.settle_rest()
    assert "a request to Strava is not settled" in caplog.text
