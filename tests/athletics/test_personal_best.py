from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from athletics.personal_best import DatedEffort, counting, personal_bests

DAY0 = datetime(2026, 1, 1, tzinfo=UTC)


def dated(effort_id, day, elapsed_s, implied=False):
    return DatedEffort(effort_id, DAY0 + timedelta(days=day), elapsed_s, implied)


histories = st.lists(st.tuples(st.integers(0, 12), st.integers(60, 70)), max_size=15).map(
    lambda pairs: [dated(number, day, elapsed_s) for number, (day, elapsed_s) in enumerate(pairs)]
)


@given(histories, st.randoms())
def test_history_is_what_the_definition_says_in_whatever_order(efforts, random):
    random.shuffle(efforts)
    days = sorted({effort.achieved_at for effort in efforts})
    best_by_day = {
        day: min(effort.elapsed_s for effort in efforts if effort.achieved_at <= day)
        for day in days
    }
    expected = [
        (day, best_by_day[day])
        for n, day in enumerate(days)
        if n == 0 or best_by_day[day] < best_by_day[days[n - 1]]
    ]
    assert [
        (best.effort.achieved_at, best.effort.elapsed_s) for best in personal_bests(efforts)
    ] == expected


def test_each_improvement_knows_what_it_improved_on():
    first, slower, tie, better = (
        dated(1, 0, 300.0),
        dated(2, 1, 310.0),
        dated(3, 2, 300.0),
        dated(4, 3, 295.5),
    )
    bests = personal_bests([better, tie, slower, first])
    assert [best.effort for best in bests] == [first, better]
    assert [(best.previous, best.improvement_s) for best in bests] == [(None, None), (first, 4.5)]


def test_of_efforts_at_one_instant_the_fastest_then_the_lowest_id_counts():
    bests = personal_bests([dated(3, 0, 290.0), dated(1, 0, 300.0), dated(2, 0, 290.0)])
    assert [best.effort.effort_id for best in bests] == [2]


def test_no_efforts_no_bests():
    assert personal_bests([]) == []


def test_an_implied_effort_counts_only_against_a_slower_measured_one():
    implied = dated(1, 0, 200.0, implied=True)
    assert counting([implied]) == []
    assert counting([implied, dated(2, 1, 200.0)]) == [dated(2, 1, 200.0)]
    assert counting([implied, dated(2, 1, 201.0)]) == [implied, dated(2, 1, 201.0)]
