"""Turns an answer of Strava that is not 2xx into one of `strava.errors`.

Only this module reads error bodies. An error body is
`{"message": …, "errors": [{"resource": …, "field": …, "code": …}]}`.
"""

from collections.abc import Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, NamedTuple

from runtime.clock import utc_now
from strava.answer import StravaAnswer
from strava.answer_shape import parsed
from strava.errors import (
    StravaAppInactive,
    StravaAthleteLimit,
    StravaError,
    StravaNotFound,
    StravaRateLimited,
    StravaRequestRefused,
    StravaScopeMissing,
    StravaUnauthorized,
    StravaUnavailable,
    StravaUnreadable,
)
from strava.quota_headers import Quota, next_day, next_quarter_hour

_REFUSED = {
    ("AuthorizationCode", "code"): "authorization code",
    ("RefreshToken", "refresh_token"): "refresh token",
    ("RefreshToken", "code"): "refresh token",
    ("Application", "client_id"): "client id or secret",
    ("Application", "client_secret"): "client id or secret",
    ("Athlete", "access_token"): "access token",
}


class _Entry(NamedTuple):
    resource: str
    field: str
    code: str


def error_from_answer(answer: StravaAnswer, quota: Quota | None) -> StravaError:
    """The error that `answer` (status not 2xx) stands for."""
    status, entries = answer.status, _entries(answer)
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return StravaRateLimited(_retry_at(quota, read=answer.method == "GET"))
    if answer.is_client_error and is_web_page(answer) and not _is_full(answer):
        return StravaUnreadable("body", f"is a web page (HTTP status {status})")
    if status == HTTPStatus.NOT_FOUND:
        return StravaNotFound(answer.path)
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return _refusal(status, entries, is_full=_is_full(answer))
    if answer.is_client_error:
        return _bad_request(status, entries)
    return StravaUnavailable(f"HTTP status {status}", status=status)


def is_web_page(answer: StravaAnswer) -> bool:
    """Whether the body is HTML or XML, even with another type: of a proxy, or of maintenance."""
    return answer.body.lstrip().startswith(b"<")


def _is_full(answer: StravaAnswer) -> bool:
    """Whether the application has all the athletes that it may have; a page may say so."""
    return b"connected athletes" in answer.body.lower()


def _entries(answer: StravaAnswer) -> Sequence[_Entry]:
    try:
        errors = parsed(answer.body)["errors"]
        return [_entry(error) for error in errors if isinstance(error, dict)]
    except (StravaUnreadable, LookupError, TypeError):
        return []


def _entry(error: dict[str, Any]) -> _Entry:
    return _Entry(*(str(error.get(name) or "") for name in _Entry._fields))


def _retry_at(quota: Quota | None, *, read: bool) -> datetime:
    """When to ask again.

    Without headers, or where they say that requests are left, the quarter hour is the guess.
    """
    now = utc_now()
    if quota is None:
        return next_quarter_hour(now)
    # The limits Strava names need not be the ones that it enforces to the request: one short of the
    # day is the day.
    told = quota.retry_at(read=read) or quota.retry_at(read=True)
    return next_day(now) if told == next_day(quota.observed_at) else next_quarter_hour(now)


def _refusal(status: int, entries: Sequence[_Entry], *, is_full: bool) -> StravaError:
    """The body tells 401 and 403 apart: Strava answers a missing scope with either."""
    for resource, field, code in entries:
        if (resource, field, code) == ("Application", "Status", "Inactive"):
            return StravaAppInactive()
        if field.endswith("_permission") or "scope" in field.lower():
            return StravaScopeMissing(field)
        if resource == "Application" and "athlete" in field.lower():
            return StravaAthleteLimit()
    if is_full:
        return StravaAthleteLimit()
    what = _refused(entries)
    if status == HTTPStatus.FORBIDDEN and what is None:
        return StravaScopeMissing("a permission that Strava does not name")
    return StravaUnauthorized(what or "access token")


def _bad_request(status: int, entries: Sequence[_Entry]) -> StravaError:
    if what := _refused(entries):
        return StravaUnauthorized(what)
    entry = entries[0] if entries else _Entry("request", "", f"HTTP status {status}")
    return StravaRequestRefused(
        entry.field or entry.resource, f"of the request is refused: {entry.code}"
    )


def _refused(entries: Sequence[_Entry]) -> str | None:
    return next(
        (what for entry in entries if (what := _REFUSED.get((entry.resource, entry.field)))), None
    )
