"""What can go wrong with Strava. Raised by `strava/client.py` and `strava/payloads.py`; `str()` never holds a token.

    StravaError                 the root; `code` is a JobErrorCode of the GraphQL schema
    ├── StravaUnauthorized      a token, code or secret is refused: the athlete has to connect again
    ├── StravaScopeMissing      the athlete did not grant a scope that the request needs
    ├── StravaAppInactive       the API application's owner has no subscription: every request is refused
    ├── StravaAthleteLimit      the application may not serve one more athlete
    ├── StravaNotFound          no such thing, or not visible to this athlete (404)
    ├── StravaBadData           an answer that cannot be read, or a request Strava calls malformed
    ├── StravaRateLimited       out of quota until `retry_at`             (retryable)
    └── StravaUnavailable       5xx, timeout, connection lost or refused  (retryable)

`retryable` says that the same request may succeed later without anybody acting.
"""

from datetime import datetime
from typing import ClassVar

from db.errors import PacegraphError


class StravaError(PacegraphError):
    """Base of all errors of Strava."""

    code: ClassVar[str] = "INTERNAL"
    retryable: ClassVar[bool] = False


class StravaUnauthorized(StravaError):  # noqa: N818 - these names say what is the case
    """Strava refused `what`: "access token", "refresh token", "authorization code" or "client id or secret"."""

    code = "STRAVA_UNAUTHORIZED"

    def __init__(self, what: str) -> None:
        super().__init__(f"Strava refused the {what}")
        self.what = what


class StravaScopeMissing(StravaError):  # noqa: N818
    """The token lacks a permission; `permission` is Strava's name for it, such as "activity:read_permission"."""

    code = "STRAVA_SCOPE_MISSING"

    def __init__(self, permission: str) -> None:
        super().__init__(f"the athlete did not grant what this needs: {permission}")
        self.permission = permission


class StravaAppInactive(StravaError):  # noqa: N818
    """Strava switched the API application off."""

    code = "STRAVA_APP_INACTIVE"

    def __init__(self) -> None:
        super().__init__(
            "the Strava API application is inactive: its owner needs a Strava subscription, "
            "then reactivates it at https://www.strava.com/settings/api"
        )


class StravaAthleteLimit(StravaError):  # noqa: N818
    """The application has as many athletes as Strava lets it have."""

    code = "STRAVA_ATHLETE_LIMIT"

    def __init__(self) -> None:
        super().__init__("the Strava API application has reached its limit of connected athletes")


class StravaNotFound(StravaError):  # noqa: N818
    """Strava knows no `path` for this athlete.

    No JobErrorCode: a job takes it for a deletion, so that it reaches nobody else.
    """

    def __init__(self, path: str) -> None:
        super().__init__(f"Strava has no {path}")
        self.path = path


class StravaBadData(StravaError):  # noqa: N818
    """`field` of a payload is missing or of the wrong kind; `strava_id` is the thing's id where that could be read."""

    code = "STRAVA_BAD_DATA"

    def __init__(self, field: str, problem: str, *, strava_id: int | None = None) -> None:
        subject = "" if strava_id is None else f" (id {strava_id})"
        super().__init__(f"Strava's data cannot be used: {field} {problem}{subject}")
        self.field = field
        self.problem = problem
        self.strava_id = strava_id


class StravaRateLimited(StravaError):  # noqa: N818
    """The quota is used up. `retry_at` (aware, UTC): when the window that is used up restarts."""

    code = "STRAVA_RATE_LIMITED"
    retryable = True

    def __init__(self, retry_at: datetime) -> None:
        super().__init__(f"Strava's rate limit is used up until {retry_at:%Y-%m-%d %H:%M:%S} UTC")
        self.retry_at = retry_at


class StravaUnavailable(StravaError):  # noqa: N818
    """Strava did not answer, or not usefully. `status` is the HTTP status, None without an answer."""

    code = "STRAVA_UNAVAILABLE"
    retryable = True

    def __init__(self, reason: str, *, status: int | None = None) -> None:
        super().__init__(f"Strava is unavailable: {reason}")
        self.reason = reason
        self.status = status
