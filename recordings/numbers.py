"""Numbers and times as files write them. What is none of these is None, never an error."""

import re
from datetime import UTC, datetime, timedelta
from math import isfinite

_LONGEST = 64  # characters; float() and fromisoformat() are given no more
_ODD_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(24:00:00|\d\d:\d\d:60)(?:\.\d*)?(Z|[+-]\d\d:?\d\d)?")
_EARLIEST = datetime(1990, 1, 1, tzinfo=UTC).timestamp()
_LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()


def number(text: str | None) -> float | None:
    """A finite number; a decimal comma counts as a point. None: it is no number."""
    if text is None or len(text) > _LONGEST or "_" in text:
        return None
    try:
        value = float(text)
    except ValueError:
        try:
            value = float(text.replace(",", ".", 1))
        except ValueError:
            return None
    return value if isfinite(value) else None


def unix_time(text: str | None) -> float | None:
    """Seconds since 1970 of an ISO 8601 time; one without an offset is UTC.

    Spaces around it are allowed, 24:00:00 is the next day, and a second of 60 the next minute.
    None: it is no such time.
    """
    text = (text or "").strip()
    if not text or len(text) > _LONGEST:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        odd = _odd_time(text)
        if odd is None:
            return None
        when = odd
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    seconds = when.timestamp()
    return seconds if is_plausible_time(seconds) else None


def is_plausible_time(seconds: float) -> bool:
    """Whether a device had a clock: between 1990 and 2100."""
    return _EARLIEST <= seconds < _LATEST


def utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _odd_time(text: str) -> datetime | None:
    match = _ODD_TIME.fullmatch(text)
    if match is None:
        return None
    day, clock, offset = match.groups(default="")
    try:
        if clock == "24:00:00":
            return datetime.fromisoformat(f"{day}T00:00:00{offset}") + timedelta(days=1)
        return datetime.fromisoformat(f"{day}T{clock[:5]}:59{offset}") + timedelta(seconds=1)
    except (ValueError, OverflowError):
        return None
