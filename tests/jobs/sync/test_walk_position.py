"""A walk over Strava's list meets each activity, also where Strava lists by starts that it hides."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from jobs.attempt import Step
from jobs.sync.walk_position import move
from strava.payloads import parse_activity

FIRST = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Run:
    """`began` is what Strava knows, `shown` what it tells."""

    number: int
    began: datetime
    shown: datetime


def runs_of(random: Random, count: int, hidden: float) -> list[Run]:
    """Some a day, at the same second at times."""
    runs = []
    for number in range(1, count + 1):
        began = FIRST + timedelta(
            days=random.randrange(count // 2 or 1), hours=random.randrange(24)
        )
        is_hidden = random.random() < hidden
        shown = began.replace(hour=0, minute=0, second=1) if is_hidden else began
        runs.append(Run(number, began, shown))
    return runs


def walk(runs: list[Run], size: int, *, lists_by_shown: bool) -> tuple[set[int], Step, int]:
    """Read page after page until one is empty; returns who was met, and how many pages it took."""
    listed = sorted(runs, key=lambda run: run.shown if lists_by_shown else run.began, reverse=True)
    step = Step(None, {}, 0, None, None)
    met: set[int] = set()
    for pages in range(1, 10 * len(runs) + 2):
        before = step.checkpoint.get("oldest", 10**11) + 1
        starts = [(run.shown if lists_by_shown else run.began).timestamp() for run in listed]
        left = [run for run, start in zip(listed, starts, strict=True) if start < before]
        page = step.checkpoint.get("page", 1) - 1
        found = left[page * size : (page + 1) * size]
        if not found:
            return met, step, pages
        met |= {run.number for run in found}
        move(step, [item(run) for run in found])
    raise AssertionError("the walk does not end")


def item(run: Run):
    start = f"{run.shown:%Y-%m-%dT%H:%M:%SZ}"
    fields = {"id": run.number, "start_date": start, "start_date_local": start}
    return parse_activity(fields | {"distance": 1.0, "moving_time": 1, "elapsed_time": 1})


@pytest.mark.parametrize("lists_by_shown", [True, False])
@pytest.mark.parametrize("hidden", [0.0, 0.2, 1.0])
def test_each_activity_is_met_and_counted_once(lists_by_shown, hidden):
    for seed in range(60):
        random = Random(seed)
        runs = runs_of(random, random.randrange(1, 60), hidden)
        size = random.choice((1, 2, 5, 20))
        met, step, _ = walk(runs, size, lists_by_shown=lists_by_shown)
        assert met == {run.number for run in runs}, seed
        assert step.checkpoint["listed"] == len(runs), seed


def test_a_day_may_have_25_hours():
    late, before = (FIRST + timedelta(hours=hours) for hours in (24.5, 24.2))
    runs = [Run(1, late, FIRST + timedelta(seconds=1)), Run(2, before, before)]
    assert walk(runs, 1, lists_by_shown=False)[0] == {1, 2}


def test_hidden_starts_cost_few_pages():
    runs = runs_of(Random(1), 200, 0.2)
    shown = [Run(run.number, run.began, run.began) for run in runs]
    (_, _, with_hidden), (_, _, without) = (
        walk(each, 20, lists_by_shown=False) for each in (runs, shown)
    )
    assert with_hidden <= without + 3
