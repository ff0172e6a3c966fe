"""The Strava client: one method per request, plain values in and out, foreign errors mapped here once.

It never retries, sleeps or refreshes a token: that is for the job, which knows the quota and stores the token pair.

Why not stravalib (2.6): it builds `https://` addresses from class attributes, so that neither the address nor the
scheme is a setting; it reads STRAVA_CLIENT_ID and the secret from the environment and then refreshes expired tokens
inside any request, which loses the rotated pair; it sets no timeout; 429, a missing scope and the athlete limit are
one untyped Fault; its limiter sees no answer of the OAuth pages and by default sleeps; pages are fetched behind an
iterator, which leaves no place for a checkpoint; one activity that its models refuse loses the page; importing it
changes the process's warning filters. Its models are what the tests hold the simulator against.
"""

import ssl
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal, Self

import httpx
from pydantic import SecretStr

from settings import Settings
from strava.errors import StravaBadData, StravaError, StravaNotFound, StravaUnauthorized, StravaUnavailable
from strava.fields import fields_of
from strava.payloads import (
    StravaActivity,
    StravaActivityDetail,
    StravaAthlete,
    StravaStreams,
    parse_activity,
    parse_activity_detail,
    parse_athlete,
    parse_streams,
)
from strava.quota import Quota, quota_from_headers
from strava.refusals import error_of

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@dataclass(frozen=True, slots=True)
class TokenPair:
    """An access token, and the only refresh token that works from now on. `expires_at` is aware UTC."""

    access_token: SecretStr
    refresh_token: SecretStr
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """What a new connection brings. The scopes granted stand in the callback's query, not here."""

    tokens: TokenPair
    athlete: StravaAthlete


@cache
def _certificates(*, trust_env: bool) -> ssl.SSLContext:
    """Read the certificates once: it takes some 15 ms."""
    return httpx.create_ssl_context(trust_env=trust_env)


class StravaClient:
    """Strava's API, synchronous; safe to share between threads. Close it, or use it in a `with`.

    `api_url` and `oauth_url` are base addresses without a slash at the end. `on_quota` is called with the limits that
    an answer tells, before an error of that answer is raised. Every request may raise StravaUnauthorized,
    StravaAppInactive, StravaRateLimited, StravaUnavailable and StravaBadData; what else, its method says.
    """

    def __init__(
        self,
        *,
        api_url: str,
        oauth_url: str,
        client_id: str,
        client_secret: SecretStr,
        timeout_s: float = 20,
        transport: httpx.BaseTransport | None = None,
        on_quota: Callable[[Quota], None] | None = None,
    ) -> None:
        self._api_url = api_url.rstrip("/")
        self._oauth_url = oauth_url.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._on_quota = on_quota
        # A proxy for the internet is not for the simulator on this machine.
        local = httpx.URL(api_url).host in _LOOPBACK
        self._http = httpx.Client(
            timeout=timeout_s, transport=transport, trust_env=not local, verify=_certificates(trust_env=not local)
        )

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        transport: httpx.BaseTransport | None = None,
        on_quota: Callable[[Quota], None] | None = None,
    ) -> Self:
        """Raises InvalidSettings where client id or secret are not set."""
        settings.require("strava_client_id", "strava_client_secret")
        return cls(
            api_url=settings.strava_api_url,
            oauth_url=settings.strava_oauth_url,
            client_id=settings.strava_client_id or "",
            client_secret=settings.strava_client_secret or SecretStr(""),
            timeout_s=settings.strava_timeout_s,
            transport=transport,
            on_quota=on_quota,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

    # --- OAuth

    def authorization_url(
        self,
        redirect_uri: str,
        state: str,
        scopes: Iterable[str],
        *,
        approval_prompt: Literal["auto", "force"] = "auto",
    ) -> str:
        """Where to send the athlete's browser. "force" asks again although the scopes were granted before."""
        parameters = {
            "client_id": self._client_id,
            "redirect_uri": redirect_uri,
            "response_type": "code",
            "approval_prompt": approval_prompt,
            "scope": ",".join(scopes),
            "state": state,
        }
        return str(httpx.URL(f"{self._oauth_url}/authorize", params=parameters))

    def exchange_code(self, code: str) -> TokenGrant:
        """Trade the callback's code for tokens; works once. May raise StravaAthleteLimit."""
        answer = self._token_request(grant_type="authorization_code", code=code)
        return TokenGrant(_token_pair(answer), parse_athlete(fields_of(answer).require("athlete")))

    def refresh(self, refresh_token: SecretStr) -> TokenPair:
        """Trade a refresh token for a new pair. The old refresh token is spent: store the pair before using it."""
        return _token_pair(
            self._token_request(grant_type="refresh_token", refresh_token=refresh_token.get_secret_value())
        )

    def revoke(self, access_token: SecretStr) -> None:
        """Withdraw the application's access to the athlete. StravaUnauthorized: it was withdrawn before."""
        token = access_token.get_secret_value()
        try:
            self._send("POST", f"{self._oauth_url}/revoke", data={"token": token}, auth=self._credentials())
        except StravaNotFound:
            # The page that oauth/revoke replaces; Strava serves it until 2027-06-01.
            self._send("POST", f"{self._oauth_url}/deauthorize", headers=_bearer(access_token))

    # --- the athlete's data

    def athlete(self, access_token: SecretStr) -> StravaAthlete:
        """The athlete whose token it is."""
        return parse_athlete(self._get("/athlete", access_token))

    def activities(
        self,
        access_token: SecretStr,
        *,
        page: int = 1,
        per_page: int = 100,
        before: datetime | None = None,
        after: datetime | None = None,
    ) -> list[StravaActivity | StravaBadData]:
        """One page of the athlete's activities, in Strava's order (newest first); empty after the last.

        In place of an item that cannot be read stands its error. A page shorter than `per_page` (at most 200) need not
        be the last. `before` and `after` are aware and exclude the moment itself. May raise StravaScopeMissing.
        """
        parameters = {"page": page, "per_page": per_page} | _epochs(before=before, after=after)
        items = self._get("/athlete/activities", access_token, parameters)
        if not isinstance(items, list):
            raise StravaBadData("body", "is not a list")
        return [_activity_or_error(item) for item in items]

    def activity(self, access_token: SecretStr, strava_id: int) -> StravaActivityDetail:
        """One activity with Strava's best efforts. May raise StravaNotFound and StravaScopeMissing."""
        return parse_activity_detail(self._get(f"/activities/{strava_id}", access_token))

    def streams(self, access_token: SecretStr, strava_id: int) -> StravaStreams | None:
        """The activity's samples; None where there are none (a manual entry, or no such activity).

        May raise StravaScopeMissing.
        """
        parameters = {"keys": "time,distance,heartrate", "key_by_type": "true"}
        try:
            return parse_streams(self._get(f"/activities/{strava_id}/streams", access_token, parameters))
        except StravaNotFound:
            return None

    # --- requests

    def _get(self, path: str, access_token: SecretStr, parameters: dict[str, Any] | None = None) -> Any:
        return _json(
            self._send("GET", f"{self._api_url}{path}", params=parameters or {}, headers=_bearer(access_token))
        )

    def _token_request(self, **parameters: str) -> Any:
        data = {
            "client_id": self._client_id,
            "client_secret": self._client_secret.get_secret_value(),
            **parameters,
        }
        return _json(self._send("POST", f"{self._oauth_url}/token", data=data))

    def _credentials(self) -> httpx.BasicAuth:
        return httpx.BasicAuth(self._client_id, self._client_secret.get_secret_value())

    def _send(self, method: str, url: str, **arguments: Any) -> httpx.Response:
        """Send, report the quota, and raise the error an answer stands for."""
        answer = self._answer(method, url, **arguments)
        # Raised here, outside `except`: httpx's exceptions hold the request and with it the token.
        if isinstance(answer, StravaError):
            raise answer
        quota = quota_from_headers(answer.headers, datetime.now(UTC))
        if quota and self._on_quota:
            self._on_quota(quota)
        if not answer.is_success:
            raise error_of(answer, quota)
        return answer

    def _answer(self, method: str, url: str, **arguments: Any) -> httpx.Response | StravaUnavailable:
        try:
            return self._http.request(method, url, **arguments)
        except httpx.TimeoutException as error:
            return StravaUnavailable(f"no answer in time ({type(error).__name__})")
        except httpx.HTTPError as error:
            return StravaUnavailable(f"the connection failed ({type(error).__name__})")


def _bearer(access_token: SecretStr) -> dict[str, str]:
    """The header. Raises StravaUnauthorized for what no header can carry, for httpx's own error would show it."""
    token = access_token.get_secret_value()
    if not token or not token.isascii() or not token.isprintable():
        raise StravaUnauthorized("access token")
    return {"Authorization": f"Bearer {token}"}


def _json(response: httpx.Response) -> Any:
    try:
        return response.json()
    except (ValueError, RecursionError):
        pass
    raise StravaBadData("body", "is not JSON")


def _activity_or_error(item: object) -> StravaActivity | StravaBadData:
    try:
        return parse_activity(item)
    except StravaBadData as error:
        return error


def _token_pair(answer: object) -> TokenPair:
    fields = fields_of(answer)
    access_token, refresh_token = fields.text("access_token"), fields.text("refresh_token")
    if not access_token or not refresh_token:
        raise fields.bad("refresh_token" if access_token else "access_token", "is missing")
    try:
        expires_at = datetime.fromtimestamp(fields.whole_number("expires_at"), UTC)
    except (ValueError, OverflowError, OSError):
        raise fields.bad("expires_at", "is out of range") from None
    return TokenPair(SecretStr(access_token), SecretStr(refresh_token), expires_at)


def _epochs(**moments: datetime | None) -> dict[str, int]:
    """Seconds since 1970, as Strava's parameters want them. Raises ValueError for a time without a zone."""
    if any(moment and moment.tzinfo is None for moment in moments.values()):
        raise ValueError("a time without a zone is not an instant")
    return {name: int(moment.timestamp()) for name, moment in moments.items() if moment}
