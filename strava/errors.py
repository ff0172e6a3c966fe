"""Errors of Strava, raised by `strava/client.py` and `strava/payloads.py`.

`str()` of them never contains a token.

    StravaError                 the root; `code` is a JobErrorCode of the GraphQL schema
    ├── StravaUnauthorized      a token, code or secret is refused: the athlete has to connect again
    ├── StravaScopeMissing      the athlete did not grant a scope that the request needs
    ├── StravaAppInactive       the owner of the API application has no subscription
    ├── StravaAthleteLimit      the application may not serve one more athlete
    ├── StravaNotFound          no such thing, or not visible to this athlete (404)
    ├── StravaBadData           an answer of which something cannot be read
    │   ├── StravaRequestRefused    a request that Strava calls malformed (400)
    │   └── StravaUnreadable    the answer as a whole: a page of HTML, or cut off   (retryable)
    ├── StravaRateLimited       out of quota until `retry_at`             (retryable)
    │   └── StravaTurnOver      it is other athletes' turn                (retryable)
    └── StravaUnavailable       5xx, timeout, connection lost or refused  (retryable)
        ├── StravaTooSlow       the answer did not arrive in the time it may take
        └── StravaTooLarge      the answer has more bytes than allowed

`retryable` says that the same request may succeed later without anybody acting.
"""

from datetime import datetime, timedelta
from typing import ClassVar

from runtime.errors import PacegraphError


class StravaError(PacegraphError):
    """Base of all errors of Strava."""

    code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False


class StravaUnauthorized(StravaError):
    """Strava refused `what`.

    One of "access token", "refresh token", "authorization code", "client id or secret".
    """

    code = "STRAVA_UNAUTHORIZED"

    def __init__(self, what: str) -> None:
        super().__init__(f"Strava refused the {what}")
        self.what = what


class StravaScopeMissing(StravaError):
    """The token lacks `permission`, as Strava names it: "activity:read_permission"."""

    code = "STRAVA_SCOPE_MISSING"

    def __init__(self, permission: str) -> None:
        super().__init__(f"the athlete did not grant what this needs: {permission}")
        self.permission = permission


class StravaAppInactive(StravaError):
    """Strava switched the API application off."""

    code = "STRAVA_APP_INACTIVE"

    def __init__(self) -> None:
        super().__init__(
            "the Strava API application is inactive: its owner needs a Strava subscription, "
            "then reactivates it at https://www.strava.com/settings/api"
        )


class StravaAthleteLimit(StravaError):
    """The application has as many athletes as Strava lets it have."""

    code = "STRAVA_ATHLETE_LIMIT"

    def __init__(self) -> None:
        super().__init__("the Strava API application has reached its limit of connected athletes")


class StravaNotFound(StravaError):
    """Strava knows no `path` for this athlete.

    No JobErrorCode: a job takes it for a deletion and never reports it.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"Strava has no {path}")
        self.path = path


class StravaBadData(StravaError):
    """`field` of a payload is missing or of the wrong kind; `strava_id` is the id, if known."""

    code = "STRAVA_BAD_DATA"

    def __init__(self, field: str, problem: str, *, strava_id: int | None = None) -> None:
        subject = "" if strava_id is None else f" (id {strava_id})"
        super().__init__(f"Strava's data cannot be used: {field} {problem}{subject}")
        self.field = field
        self.problem = problem
        self.strava_id = strava_id


class StravaRequestRefused(StravaBadData):
    """`field` of the request is wrong, Strava says."""


class StravaUnreadable(StravaBadData):
    """The answer is not what was asked for, even with a good status. Another one may be."""

    retryable = True


class StravaRateLimited(StravaError):
    """The quota is used up.

    `retry_at` (aware, UTC, by Strava's clock): when the window that is used up restarts. `wait` is
    how long that is from now, on any clock; None if Strava's time is not known.
    """

    code = "STRAVA_RATE_LIMITED"
    retryable = True

    def __init__(self, retry_at: datetime, wait: timedelta | None = None) -> None:
        super().__init__(f"Strava's rate limit is used up until {retry_at:%Y-%m-%d %H:%M:%S} UTC")
        self.retry_at = retry_at
        self.wait = wait


class StravaTurnOver(StravaRateLimited):
    """Other athletes come before the next request of this one's backfill."""


class StravaUnavailable(StravaError):
    """Strava did not answer, or not usefully. `status` is of HTTP, None without an answer."""

    code = "STRAVA_UNAVAILABLE"
    retryable = True

    def __init__(self, reason: str, *, status: int | None = None) -> None:
        super().__init__(f"Strava is unavailable: {reason}")
        self.reason = reason
        self.status = status


class StravaTooSlow(StravaUnavailable):
    """The answer did not arrive as a whole within `timeout_s` seconds."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"no answer in time ({timeout_s:g} s)")
        self.timeout_s = timeout_s


class StravaTooLarge(StravaUnavailable):
    """The answer has more than `max_bytes` bytes, after decompression."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(f"the answer has more than {max_bytes} bytes")
        self.max_bytes = max_bytes
