from datetime import UTC, datetime, timedelta, timezone

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strava.quota_headers import (
    next_day,
    next_quarter_hour,
    quota_from_headers,
)

NOW = datetime(2026, 11, 23, 17, 16, 30, tzinfo=UTC)


def quota(usage="5,50", read_usage="4,40"):
    headers = {
        "X-RateLimit-Limit": "200,2000",
        "X-RateLimit-Usage": usage,
        "X-ReadRateLimit-Limit": "100,1000",
        "X-ReadRateLimit-Usage": read_usage,
    }
    return quota_from_headers(httpx.Headers(headers), NOW)


def test_all_four_headers_are_read():
    told = quota()
    assert (told.overall.quarter_hour.limit, told.overall.quarter_hour.used) == (200, 5)
    assert (told.overall.day.limit, told.overall.day.used) == (2000, 50)
    assert (told.read.quarter_hour.limit, told.read.quarter_hour.used) == (100, 4)
    assert (told.read.day.limit, told.read.day.used) == (1000, 40)
    assert told.observed_at == NOW


def test_what_remains_is_the_tightest_window():
    assert quota().remaining(read=True) == 96
    assert quota().remaining(read=False) == 195
    assert quota(usage="5,1999").remaining(read=True) == 1
    assert quota(usage="250,260").remaining(read=False) == 0


@pytest.mark.parametrize(
    ("usages", "read", "retry_at"),
    [
        (("5,50", "4,40"), True, None),
        (("200,300", "4,40"), True, datetime(2026, 11, 23, 17, 30, tzinfo=UTC)),
        (("150,300", "100,200"), True, datetime(2026, 11, 23, 17, 30, tzinfo=UTC)),
        (("150,300", "100,200"), False, None),
        (("150,1500", "100,1000"), True, datetime(2026, 11, 24, tzinfo=UTC)),
        (("20,2001", "20,900"), False, datetime(2026, 11, 24, tzinfo=UTC)),
    ],
)
def test_when_to_retry(usages, read, retry_at):
    assert quota(*usages).retry_at(read=read) == retry_at


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-RateLimit-Limit": "1,2"},
        {"X-RateLimit-Limit": "a", "X-RateLimit-Usage": "b"},
        {"X-RateLimit-Limit": f"{2**64},{2**65}", "X-RateLimit-Usage": "1,1"},
        {"X-RateLimit-Limit": "200,2000", "X-RateLimit-Usage": f"{10**30},{10**30}"},
        {"X-RateLimit-Limit": "200,2000,5", "X-RateLimit-Usage": "1,1,1"},
        {"X-RateLimit-Limit": "2e2,2e3", "X-RateLimit-Usage": "1,1"},
    ],
)
def test_answers_without_limits_tell_none(headers):
    assert quota_from_headers(httpx.Headers(headers), NOW) is None


def test_read_limits_may_be_absent():
    told = quota_from_headers(
        httpx.Headers({"X-RateLimit-Limit": "2,9", "X-RateLimit-Usage": "1,1"}), NOW
    )
    assert told.read is None
    assert told.remaining(read=True) == 1


kathmandu = timezone(timedelta(hours=5, minutes=45))
moments = st.integers(0, 4_000_000_000_000).map(
    lambda ms: datetime.fromtimestamp(ms / 1000, kathmandu)
)


@settings(deadline=None, database=None)
@given(moments)
def test_windows_restart_on_the_quarter_hour_and_at_midnight_utc(now):
    quarter, day = next_quarter_hour(now), next_day(now)
    assert (quarter.minute % 15, quarter.second, quarter.microsecond) == (0, 0, 0)
    assert (day.hour, day.minute, day.second, day.utcoffset()) == (0, 0, 0, timedelta())
    assert 0 < (quarter - now).total_seconds() <= 900
    assert 0 < (day - now).total_seconds() <= 86_400
    assert quarter <= day
