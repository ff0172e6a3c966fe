from datetime import UTC, datetime

from jobs.sync.scope import SyncScope


def test_bounds_cover_every_time_zone():
    scope = SyncScope.from_arguments({"since": "2026-04-02", "until": "2026-04-03"})
    assert scope.after == datetime(2026, 4, 1, 9, 59, 59, tzinfo=UTC)
    assert scope.before == datetime(2026, 4, 4, 12, tzinfo=UTC)


def test_the_ends_of_the_calendar_bound_nothing():
    scope = SyncScope.from_arguments({"since": "0001-01-01", "until": "9999-12-31"})
    assert scope.after is None
    assert scope.before is None
    assert scope.covers(datetime.min)  # noqa: DTZ901 - local time is naive
