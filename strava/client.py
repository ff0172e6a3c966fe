"""The Strava client: one method per request, plain values in and out.

Only this module maps errors of httpx. It never retries, sleeps or refreshes a token: that is for
the job, which knows the quota and stores the token pair.

Why not stravalib (2.6): it builds `https://` addresses from class attributes, so that neither the
address nor the scheme is a setting; it reads STRAVA_CLIENT_ID and the secret from the environment
and then refreshes expired tokens inside any request, which loses the rotated pair; it sets no
timeout; 429, a missing scope and the athlete limit are one untyped Fault; its limiter sees no
answer of the OAuth pages and by default sleeps; pages are fetched behind an iterator, which leaves
no place for a checkpoint; one activity that its models refuse loses the page; importing it changes
the process's warning filters. Its models are what the tests hold the simulator against.
"""

import ssl
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Self
from urllib.parse import urlencode

import httpx
from pydantic import SecretStr

from runtime.clock import utc_now
from settings import Settings
from strava.activity_details import StravaDetails, parse_details
from strava.answer_shape import (
    activity_detail,
    list_of_objects_with_id,
    non_empty_object,
    object_with_id,
    parsed,
)
from strava.bounded_exchange import (
    ACCEPTED_ENCODINGS,
    AnswerBroken,
    AnswerTooLarge,
    bound_connections,
    bounded,
    read_whole,
)
from strava.errors import (
    StravaBadData,
    StravaError,
    StravaNotFound,
    StravaTooLarge,
    StravaTooSlow,
    StravaUnavailable,
    StravaUnreadable,
)
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
from strava.refusals import error_from_response, is_web_page
from strava.request_parts import bearer, epochs, traced
from strava.shared_quota.gate import GatedRequest, QuotaGate
from strava.stream_keys import STREAM_KEYS
from strava.tokens import TokenGrant, TokenPair

_CONNECT_S = 5.0
_LONGEST_LIFETIME_S = 366 * 86_400.0
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


@cache
def _certificates(*, trust_env: bool) -> ssl.SSLContext:
    """Read the certificates once: it takes some 15 ms."""
    return httpx.create_ssl_context(trust_env=trust_env)


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
        transport: httpx.BaseTransport | None = None,
        gate: QuotaGate | None = None,
    ) -> None:
        self._api_url = api_url.rstrip("/")
        self._oauth_url = oauth_url.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._timeout_s = timeout_s
        self.refresh_timeout_s = max(timeout_s, refresh_timeout_s)
        self._max_bytes = max_bytes
        self._gate = gate
        # A proxy for the internet is not for the simulator on this machine.
        local = httpx.URL(api_url).host in _LOOPBACK
        self._http = httpx.Client(
            headers={"Accept-Encoding": ACCEPTED_ENCODINGS},
            transport=transport,
            trust_env=not local,
            verify=_certificates(trust_env=not local),
        )
        bound_connections(self._http)

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        transport: httpx.BaseTransport | None = None,
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
            transport=transport,
            gate=gate,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._http.close()

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
        self._send(
            "POST", f"{self._oauth_url}/revoke", data={"token": token}, auth=self._credentials()
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
        # httpx would read the address three times to add them.
        query = f"?{urlencode(parameters)}" if parameters else ""
        url = f"{self._api_url}{path}{query}"
        return self._send("GET", url, headers=bearer(access_token)).content

    def _get_own(self, path: str, access_token: SecretStr, *parameters: dict[str, Any]) -> Any:
        """Get what every athlete has: a 404 is no answer."""
        try:
            return self._get(path, access_token, *parameters)
        except StravaNotFound as error:
            raise StravaUnavailable(str(error), status=httpx.codes.NOT_FOUND) from None

    def as_application(self, method: str, path: str, **parameters: str) -> Any:
        """Make a request of the application itself; returns the JSON, None if there is none."""
        given = {"data" if method == "POST" else "params": self._identified(parameters)}
        answer = self._send(method, f"{self._api_url}{path}", **given)
        return parsed(answer.content) if answer.content else None

    def _token_request(self, *, timeout_s: float, **parameters: str) -> Any:
        data, url = self._identified(parameters), f"{self._oauth_url}/token"
        answer = self._send("POST", url, timeout_s=timeout_s, data=data)
        return non_empty_object(parsed(answer.content))

    def _identified(self, parameters: dict[str, str]) -> dict[str, str]:
        secret = self._client_secret.get_secret_value()
        return {"client_id": self._client_id, "client_secret": secret, **parameters}

    def _credentials(self) -> httpx.BasicAuth:
        return httpx.BasicAuth(self._client_id, self._client_secret.get_secret_value())

    def _send(self, method: str, url: str, **arguments: Any) -> httpx.Response:
        """Send, and raise the error an answer stands for."""
        answer = self._counted_answer(method, url, **arguments)
        # Raised here, outside `except`: httpx's exceptions hold the request and with it the token.
        if isinstance(answer, StravaError):
            raise answer
        if not answer.is_success:
            raise error_from_response(answer, quota_from_headers(answer.headers, utc_now()))
        if is_web_page(answer):
            raise StravaUnreadable("body", "is a web page")
        return answer

    def _counted_answer(
        self, method: str, url: str, **arguments: Any
    ) -> httpx.Response | StravaError:
        if self._gate is None or not url.startswith(f"{self._api_url}/"):
            return self._answer(method, url, **arguments)
        read = method == "GET"
        with self._gate.request(read=read) as request:
            answer = self._answer(method, url, request=request, **arguments)
        return (self._gate.refusal(read=read) or answer) if request.is_refused else answer

    def _answer(
        self,
        method: str,
        url: str,
        *,
        timeout_s: float | None = None,
        request: GatedRequest | None = None,
        **arguments: Any,
    ) -> httpx.Response | StravaError:
        total_s = self._timeout_s if timeout_s is None else timeout_s
        timeout = httpx.Timeout(total_s, connect=min(total_s, _CONNECT_S))
        try:
            with (
                traced(method, url) as step,
                bounded(total_s),
                self._http.stream(method, url, timeout=timeout, **arguments) as response,
            ):
                step.add(http_response_status__code=response.status_code)
                if request is not None:
                    request.answered(response.status_code, response.headers)
                return read_whole(response, self._max_bytes)
        except AnswerTooLarge:
            return StravaTooLarge(self._max_bytes)
        except AnswerBroken as error:
            return StravaUnreadable("body", str(error))
        except httpx.ReadTimeout:
            return StravaTooSlow(total_s)
        except httpx.TimeoutException as error:
            return StravaUnavailable(f"no answer in time ({type(error).__name__})")
        except httpx.HTTPError as error:
            return StravaUnavailable(f"the connection failed ({type(error).__name__})")


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
