"""Refused sign-ins.

SignInRefusal               `outcome` is the label of the metric
├── SignInExpired           400 SIGN_IN_EXPIRED: the state is unknown, old, used or another's
├── SignInDenied            400 SIGN_IN_DENIED: access was denied on Strava's page
├── SignInFailed            502: Strava refused the code, or did not answer; its error's code
├── TooManyFailedSignIns    429 RATE_LIMITED: the address has no failure left
└── TooManySignIns          503 TOO_BUSY: no slot was free in time
"""

from typing import ClassVar

from strava.errors import StravaError, StravaRequestRefused, StravaUnauthorized
from web.errors import HttpRefusal


class SignInRefusal(HttpRefusal):
    """A sign-in that was not finished.

    `is_over`: its state was used and works no more. `is_failure`: it counts as a failure of the
    address.
    """

    outcome: ClassVar[str]
    is_over: ClassVar[bool] = False
    is_failure = False


class SignInExpired(SignInRefusal):
    """The state is not of a sign-in that this browser began a short time ago."""

    code, outcome = "SIGN_IN_EXPIRED", "expired"

    def __init__(self, *, is_failure: bool = False) -> None:
        super().__init__(
            "This sign-in has expired, was already used or belongs to another browser. Start again."
        )
        self.is_failure = is_failure


class SignInDenied(SignInRefusal):
    """The athlete denied access."""

    code, outcome, is_over, is_failure = "SIGN_IN_DENIED", "denied", True, True

    def __init__(self) -> None:
        super().__init__("You did not allow Strava to share your data. Start again to allow it.")


class SignInFailed(SignInRefusal):
    """Strava gave no tokens for the code. Only a code that it refuses is the client's failure."""

    status, outcome, is_over = 502, "failed", True

    def __init__(self, failure: StravaError) -> None:
        super().__init__(f"Strava refused the sign-in: {failure}. Start again.")
        self.code = failure.code
        self.is_failure = isinstance(failure, StravaUnauthorized | StravaRequestRefused)


class TooManyFailedSignIns(SignInRefusal):
    """Too many sign-ins of the address failed a short time ago."""

    status, code, outcome = 429, "RATE_LIMITED", "rate_limited"

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(
            f"Too many sign-ins of your address failed. Reload this page in {retry_after_s} s to "
            "go on.",
            headers={"retry-after": str(retry_after_s)},
        )


class TooManySignIns(SignInRefusal):
    """All slots are taken, and too many sign-ins wait or this one waited too long."""

    status, code, outcome = 503, "TOO_BUSY", "busy"

    def __init__(self) -> None:
        super().__init__(
            "Too many sign-ins are in progress. Reload this page in a moment to go on.",
            headers={"retry-after": "2"},
        )
