"""Pauses between tries grow, up to the longest."""

import pytest

from jobs import retry_pauses


@pytest.mark.parametrize(
    ("tries", "pause_s"),
    [(1, 0), (3, 0), (4, 3_600), (6, 3 * 86_400), (7, 30 * 86_400), (8, 30 * 86_400)],
)
def test_the_last_pause_counts_for_further_tries(tries, pause_s):
    assert retry_pauses.after_tries(retry_pauses.STREAMS_S, tries) == pause_s


@pytest.mark.parametrize(("failures", "pause_s"), [(0, 2), (1, 8), (4, 512), (5, 600), (50, 600)])
def test_pauses_after_failures_grow_and_differ_by_a_quarter(failures, pause_s):
    found = [retry_pauses.after_failure(failures) for _ in range(50)]
    assert 0.75 * pause_s <= min(found) < max(found) <= 1.25 * pause_s
