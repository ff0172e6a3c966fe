"""The night, as values."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from jobs.night import Night
from settings import load_settings

PLUS_2 = timezone(timedelta(hours=2))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("from_hour", "hours", "now", "start"),
    [
        (0, 6, "2026-03-29T00:00", "2026-03-29T00:00"),
        (0, 6, "2026-03-29T05:59:59", "2026-03-29T00:00"),
        (0, 6, "2026-03-29T06:00", None),
        (22, 6, "2026-03-29T21:59:59", None),
        (22, 6, "2026-03-29T22:00", "2026-03-29T22:00"),
        (22, 6, "2026-03-30T03:59:59", "2026-03-29T22:00"),
        (22, 6, "2026-03-30T04:00", None),
        (3, 24, "2026-03-29T02:59", "2026-03-28T03:00"),
        (0, 0.5, "2026-03-29T00:29", "2026-03-29T00:00"),
        (0, 0, "2026-03-29T00:00", None),
    ],
)
def test_the_night_that_is_under_way(from_hour, hours, now, start):
    settings = load_settings(None, nightly_sync_hours=hours, nightly_sync_from_utc_hour=from_hour)
    found = Night.under_way(settings, at(now).astimezone(PLUS_2))
    assert found == (None if start is None else Night(at(start), hours * 3600))
