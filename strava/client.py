"""The Strava client: one method per request, plain values in and out.

It never retries, sleeps or refreshes a token: that is for the job, which knows the quota and stores
the token pair.

Why not stravalib (2.6): it builds `https://` addresses from class attributes, so that neither the
address nor the scheme is a setting; it reads STRAVA_CLIENT_ID and the secret from the environment
and then refreshes expired tokens inside any request, which loses the rotated pair; it sets no
timeout; 429, a missing scope and the athlete limit are one untyped Fault; its limiter sees no
answer of the OAuth pages and by default sleeps; pages are fetched behind an iterator, which leaves
no place for a checkpoint; one activity that its models refuse loses the page; importing it changes
the process's warning filters. Its models are what the tests hold the simulator against.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from pydantic import SecretStr

from runtime.clock import utc_now
from settings import Settings
from strava.activity_details import StravaDetails, parse_details
from strava.answer import StravaAnswer
from strava.answer_shape import (
    activity_detail,
    list_of_objects_with_id,
    non_empty_object,
    object_with_id,
    parsed,
)
from strava.errors import (
    StravaBadData,
    StravaError,
    StravaNotFound,
    StravaUnavailable,
    StravaUnreadable,
)
from strava.exchange import Exchanges
from strava.fields import fields_of
from strava.gear import StravaGear, parse_gear
from strava.heart_rate_zones import parse_zones
from strava.payloads import (
    StravaActivity,
    StravaActivityDetail,
    StravaAthlete,
    StravaBestEffort,
    activity_or_error,
    parse_activity_detail,
    parse_athlete,
    parse_best_efforts,
)
from strava.quota_headers import quota_from_headers
from strava.refusals import error_from_answer, is_web_page
from strava.request_parts import basic, bearer, epochs
from strava.shared_quota.gate import QuotaGate
from strava.stream_keys import STREAM_KEYS
from strava.tokens import TokenGrant, TokenPair

_LONGEST_LIFETIME_S = 366 * 86_400.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class StravaClient:
    """Strava's API, synchronous; safe to share between threads. Close it, or use it in a `with`.

    `api_url` and `oauth_url` are base addresses without a slash at the end. Every request may raise
    StravaUnauthorized, StravaAppInactive, StravaRateLimited, StravaUnavailable and StravaBadData;
    what else, its method says. `timeout_s` and `max_bytes`, after decompression, are of an answer as
    a whole; `refresh_timeout_s` is of the answer to a refresh, which spends a token pair. `gate`
    lets requests that count against Strava's limits through, all but those of OAuth; without it
    they are not counted here.
    """

    def __init__(
        self,
        *,
        api_url: str,
        oauth_url: str,
        client_id: str,
        client_secret: SecretStr,
        timeout_s: float,
        refresh_timeout_s: float,
        max_bytes: int,
        gate: QuotaGate | None = None,
    ) -> None:
        self._client_id = client_id
        self._client_secret = client_secret
        self._timeout_s = timeout_s
        self.refresh_timeout_s = max(timeout_s, refresh_timeout_s)
        self._gate = gate
        # A proxy for the internet is not for the simulator on this machine.
        local = urlsplit(api_url).hostname in _LOOPBACK
        self._api, self._oauth = (
            Exchanges(base.rstrip("/"), trust_env=not local, max_bytes=max_bytes)
            for base in (api_url, oauth_url)
        )

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        gate: QuotaGate | None = None,
    ) -> Self:
        """Raises InvalidSettings where client id or secret are not set."""
        settings.require("strava_client_id", "strava_client_secret")
        return cls(
            api_url=settings.strava_api_url,
            oauth_url=settings.strava_oauth_url,
            client_id=settings.strava_client_id or "",
            client_secret=settings.strava_client_secret or SecretStr(""),
            timeout_s=settings.strava_timeout_s,
            refresh_timeout_s=settings.strava_refresh_timeout_s,
            max_bytes=settings.strava_max_answer_bytes,
            gate=gate,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._api.close()
        self._oauth.close()

    # --- OAuth

    def exchange_code(self, code: str) -> TokenGrant:
        """Trade the callback's code for tokens; works once. May raise StravaAthleteLimit."""
        answer = self._token_request(
            timeout_s=self._timeout_s, grant_type="authorization_code", code=code
        )
        return TokenGrant(_token_pair(answer), parse_athlete(fields_of(answer).require("athlete")))

    def refresh(self, refresh_token: SecretStr) -> TokenPair:
        """Trade a refresh token for a new pair.

        The old refresh token is spent: store the pair before using it. Takes up to
        `refresh_timeout_s`, because a pair that Strava issues later than that is lost.
        """
        return _token_pair(
            self._token_request(
                timeout_s=self.refresh_timeout_s,
                grant_type="refresh_token",
                refresh_token=refresh_token.get_secret_value(),
            )
        )

    def revoke(self, access_token: SecretStr) -> None:
        """Withdraw the application's access to the athlete.

        StravaUnauthorized: it was withdrawn before.
        """
        token = access_token.get_secret_value()
        credentials = basic(self._client_id, self._client_secret)
        form = {"token": token}
        _checked(
            self._oauth.answer("POST", "/revoke", self._timeout_s, form=form, headers=credentials)
        )

    # --- the athlete's data

    def athlete(self, access_token: SecretStr) -> StravaAthlete:
        """The athlete of the token."""
        return parse_athlete(object_with_id(self._get_own("/athlete", access_token)))

    def activities(
        self,
        access_token: SecretStr,
        *,
        page: int = 1,
        per_page: int = 100,
        before: datetime | None = None,
        after: datetime | None = None,
    ) -> list[StravaActivity | StravaBadData]:
        """Read one page of the athlete's activities; empty after the last.

        Newest first, but with `after` oldest first. In place of an item that cannot be read stands
        its error. A page shorter than `per_page` (at most 200) need not be the last. `before` and
        `after` are aware and exclude the moment itself. May raise StravaScopeMissing.
        """
        parameters = {"page": page, "per_page": per_page} | epochs(before=before, after=after)
        items = self._get_own("/athlete/activities", access_token, parameters)
        return [activity_or_error(item) for item in list_of_objects_with_id(items)]

    def activity(self, access_token: SecretStr, strava_id: int) -> StravaActivityDetail:
        """One activity with Strava's best efforts.

        May raise StravaNotFound and StravaScopeMissing.
        """
        return parse_activity_detail(
            object_with_id(self._get(f"/activities/{strava_id}", access_token))
        )

    def best_efforts(
        self, access_token: SecretStr, strava_id: int, started_at: datetime
    ) -> tuple[StravaBestEffort, ...]:
        """Its best efforts, even if nothing else can be read. May raise as `activity`."""
        answer = self._get(f"/activities/{strava_id}", access_token)
        return parse_best_efforts(activity_detail(answer), started_at)

    def details(self, access_token: SecretStr, strava_id: int, begun: datetime) -> StravaDetails:
        """What only the detailed activity tells. Raises as `best_efforts`."""
        answer = self._get(f"/activities/{strava_id}", access_token)
        return parse_details(activity_detail(answer), begun)

    def gear(self, access_token: SecretStr, strava_id: str) -> StravaGear:
        """Shoes of the athlete. May raise StravaNotFound and StravaScopeMissing."""
        return parse_gear(object_with_id(self._get(f"/gear/{strava_id}", access_token)))

    def heart_rate_zones(self, access_token: SecretStr) -> tuple[int, ...]:
        """Where the athlete's zones begin, in beats a minute. May raise StravaScopeMissing."""
        return parse_zones(non_empty_object(self._get_own("/athlete/zones", access_token)))

    def streams(self, access_token: SecretStr, strava_id: int) -> bytes | None:
        """The activity's samples, for `stream_payload.read_answer`, which computes with numpy.

        None where there is no such activity. May raise StravaScopeMissing.
        """
        parameters = {"keys": ",".join(STREAM_KEYS), "key_by_type": "true"}
        try:
            return self._read(f"/activities/{strava_id}/streams", access_token, parameters)
        except StravaNotFound:
            return None

    # --- requests

    def _get(
        self, path: str, access_token: SecretStr, parameters: dict[str, Any] | None = None
    ) -> Any:
        return parsed(self._read(path, access_token, parameters or {}))

    def _read(self, path: str, access_token: SecretStr, parameters: dict[str, Any]) -> bytes:
        """Get the body of an answer."""
        headers = bearer(access_token)
        return _checked(self._counted("GET", _with_query(path, parameters), headers=headers)).body

    def _get_own(self, path: str, access_token: SecretStr, *parameters: dict[str, Any]) -> Any:
        """Get what every athlete has: a 404 is no answer."""
        try:
            return self._get(path, access_token, *parameters)
        except StravaNotFound as error:
            raise StravaUnavailable(str(error), status=HTTPStatus.NOT_FOUND) from None

    def as_application(self, method: str, path: str, **parameters: str) -> Any:
        """Make a request of the application itself; returns the JSON, None if there is none."""
        given = self._identified(parameters)
        if method == "POST":
            answer = _checked(self._counted(method, path, form=given))
        else:
            answer = _checked(self._counted(method, _with_query(path, given)))
        return parsed(answer.body) if answer.body else None

    def _token_request(self, *, timeout_s: float, **parameters: str) -> Any:
        form = self._identified(parameters)
        answer = _checked(self._oauth.answer("POST", "/token", timeout_s, form=form))
        return non_empty_object(parsed(answer.body))

    def _identified(self, parameters: dict[str, str]) -> dict[str, str]:
        secret = self._client_secret.get_secret_value()
        return {"client_id": self._client_id, "client_secret": secret, **parameters}

    def _counted(self, method: str, path: str, **arguments: Any) -> StravaAnswer | StravaError:
        """Make a request that counts against Strava's limits."""
        if self._gate is None:
            return self._api.answer(method, path, self._timeout_s, **arguments)
        read = method == "GET"
        with self._gate.request(read=read) as request:
            answer = self._api.answer(method, path, self._timeout_s, request=request, **arguments)
        return (self._gate.refusal(read=read) or answer) if request.is_refused else answer


def _checked(answer: StravaAnswer | StravaError) -> StravaAnswer:
    """Raise the error that an answer stands for."""
    if isinstance(answer, StravaError):
        raise answer
    if not answer.is_success:
        raise error_from_answer(answer, quota_from_headers(answer.headers, utc_now()))
    if is_web_page(answer):
        raise StravaUnreadable("body", "is a web page")
    return answer


def _with_query(path: str, parameters: Mapping[str, Any]) -> str:
    return f"{path}?{urlencode(parameters)}" if parameters else path


def _token_pair(answer: object) -> TokenPair:
    fields = fields_of(answer)
    access_token, refresh_token = fields.text("access_token"), fields.text("refresh_token")
    if not access_token or not refresh_token:
        raise fields.bad("refresh_token" if access_token else "access_token", "is missing")
    try:
        expires_at = datetime.fromtimestamp(fields.whole_number("expires_at"), UTC)
    except (ValueError, OverflowError, OSError):
        raise fields.bad("expires_at", "is out of range") from None
    if lifetime_s := fields.optional_number("expires_in"):
        # By the clock that it will be compared with, which may be hours off Strava's.
        expires_at = utc_now() + timedelta(seconds=min(lifetime_s, _LONGEST_LIFETIME_S))
    return TokenPair(SecretStr(access_token), SecretStr(refresh_token), expires_at)
