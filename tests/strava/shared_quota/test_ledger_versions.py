"""Versions of the program share one ledger: during an update, and after a rollback.

What is frozen here never changes: programs that read it run, or may be gone back to.
"""

import json

import pytest

from strava.shared_quota.ledger import Ledger
from strava.shared_quota.question import Granted
from tests.strava.shared_quota.test_ledger import Strava

OLD = (  # written before answers to requests that overlap were remembered
    '{"generation":3,"life":"f00","clock":{"anchors":{"a":[1728043300.0,1.0,1100.0,1728043300.0]},'
    '"doubted":["a",1728042205.5]},"quarter":[1920048,[5,4],[1,2],[3,0],[7,6],[8,9]],'
    '"day":[20000,[15,14],[1,1],[0,0],[25,24],[25,23]],"limits":[[20,200,10,100],null,1920048],'
    '"turns":{"1":[4,1728043300.0,false,null],"2":[4,1728043300.0,true,1728043299.0]},'
    '"calls":{"5":[true,1728043380.0,1100.0,3,false]},"settles":4,"is_heard":true,'
    '"heard_in":1920048,"blocked_until":0.0,"refusals":2}'
)
READ_BY_OLD = {
    "generation", "life", "clock", "quarter", "day", "limits", "turns", "calls", "settles",
    "is_heard", "heard_in", "blocked_until", "refusals",
}  # fmt: skip
"""Another key, or one less, and an old program refuses all."""


@pytest.fixture
def strava() -> Strava:
    """Of three requests that overlap, two were answered."""
    strava = Strava()
    strava.use(3, "1")
    for _ in range(3):
        assert isinstance(strava.ask("1"), Granted)
    strava.answer(used=(6, 6, 6, 6), call="4")
    strava.answer(used=(5, 5, 5, 5), call="5")
    return strava


def test_an_old_text_is_read():
    ledger = Ledger.from_text(OLD)
    assert json.loads(ledger.to_text()) == json.loads(OLD) | {
        "clock": json.loads(OLD)["clock"] | {"all_told": False, "told": [[0, 0], [0, 0]]}
    }
    assert (ledger.quarter.used(0), ledger.day.used(1), ledger.all_told) == (6, 15, False)


def test_an_old_program_reads_the_text(strava):
    values = json.loads(strava.ledger.to_text())
    assert set(values) == READ_BY_OLD
    assert {"anchors", "doubted"} <= set(values["clock"])  # it leaves other keys out
    assert [len(each) for each in values["clock"]["anchors"].values()] == [4]
    for name in ("quarter", "day"):
        assert [len(each) for each in values[name][1:]] == [2, 2, 2, 2, 2]
    assert [len(each) for each in (values["limits"], *values["turns"].values())] == [3, 4]
    assert [len(each) for each in values["calls"].values()] == [5]
    copy = json.loads(strava.ledger.as_kept().merged(OLD).to_text())
    assert (set(copy), len(copy["quarter"]), len(copy["day"])) == (READ_BY_OLD, 6, 6)


def test_what_answers_told_is_kept_until_an_old_program_writes(strava):
    again = Ledger.from_text(strava.ledger.to_text())
    assert (again.all_told, again.quarter.told, again.day.told) == (True, [6, 6], [6, 6])
    strava.ledger = again
    strava.answer(used=(4, 4, 4, 4), call="6")
    assert strava.ledger.quarter.used(0) == 6


def test_an_old_program_between_two_answers_makes_the_count_no_lower(strava):
    values = json.loads(strava.ledger.to_text())
    for name in set(values["clock"]) - {"anchors", "doubted"}:
        del values["clock"][name]
    strava.ledger = Ledger.from_text(json.dumps(values))
    strava.answer(used=(4, 4, 4, 4), call="6")
    assert strava.ledger.quarter.used(0) > 6


def test_what_a_later_program_adds_is_left_out():
    values = json.loads(OLD) | {"all_told": True, "new": {"x": 1}}
    values["clock"] |= {"new": 1}
    values["quarter"].append([9, 9])  # as a version between two releases wrote it
    read = json.loads(Ledger.from_text(json.dumps(values)).to_text())
    assert read == json.loads(Ledger.from_text(OLD).to_text())


@pytest.mark.parametrize("clock", [{"told": 1}, {"told": [1, 2]}, {"told": None}])
def test_what_answers_told_is_two_lists(clock):
    values = json.loads(OLD)
    values["clock"] |= clock
    with pytest.raises(ValueError, match="not a ledger"):
        Ledger.from_text(json.dumps(values))
