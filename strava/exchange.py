"""Makes one request to Strava and reads its answer as a whole, by urllib3, within bounds.

Only this module knows the errors of urllib3. Nothing is tried again, and no redirect is followed.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import Any
from urllib.parse import urlencode

from urllib3 import exceptions

from runtime.tracing import Span
from strava.answer import StravaAnswer
from strava.bounded_connections import connections_to, timeouts
from strava.bounded_exchange import (
    ACCEPTED_ENCODINGS,
    AnswerBroken,
    AnswerTooLarge,
    ExchangeTooSlow,
    bounded,
    read_body,
)
from strava.errors import (
    StravaError,
    StravaTooLarge,
    StravaTooSlow,
    StravaUnavailable,
    StravaUnreadable,
)
from strava.request_parts import traced
from strava.shared_quota.gate import GatedRequest

_ENCODINGS = {"Accept-Encoding": ACCEPTED_ENCODINGS}
_FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Exchanges:
    """Requests to one host, whose address is `base`; safe to share between threads.

    `trust_env` is as in `connections_to`. `max_bytes`, after decompression, are of an answer.
    """

    def __init__(self, base: str, *, trust_env: bool, max_bytes: int) -> None:
        self._base, self._max_bytes = base, max_bytes
        self._connections, self._before_path = connections_to(base, trust_env=trust_env)

    def close(self) -> None:
        self._connections.close()

    def answer(
        self,
        method: str,
        path: str,
        total_s: float,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        request: GatedRequest | None = None,
    ) -> StravaAnswer | StravaError:
        """Send a request and read its answer, all within `total_s` seconds.

        `path`, with its query, is beneath the base. `request` is told of the answer's head. Raises
        what the checks of `interrupted_by` raise. Other errors are returned, so that they hold
        no exception of urllib3: it knows the request, and with it the token.
        """
        sent = {
            "headers": {**_ENCODINGS, **(headers or {}), **(_FORM if form is not None else {})},
            "body": None if form is None else urlencode(form),
            "timeout": timeouts(total_s),
        }
        try:
            with traced(method, f"{self._base}{path}") as step, bounded(total_s):
                return self._exchange(method, path, sent, step, request)
        except (AnswerTooLarge, AnswerBroken, ExchangeTooSlow, exceptions.HTTPError) as error:
            return self._error_of(error, total_s)

    def _exchange(
        self,
        method: str,
        path: str,
        sent: dict[str, Any],
        step: Span,
        request: GatedRequest | None,
    ) -> StravaAnswer:
        response = self._connections.urlopen(
            method,
            f"{self._before_path}{path}",
            assert_same_host=False,  # of the proxy, where there is one
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
            **sent,
        )
        with closing(response):  # it keeps the connection only where the body was read
            step.add(http_response_status__code=response.status)
            if request is not None:
                request.answered(response.status, response.headers)
            head = StravaAnswer(method, path.partition("?")[0], response.status, response.headers)
            try:
                return head.with_body(read_body(response, self._max_bytes))
            except AnswerBroken:
                if head.is_success:
                    raise
                return head  # the status says what is wrong

    def _error_of(self, error: Exception, total_s: float) -> StravaError:
        match error:
            case AnswerTooLarge():
                return StravaTooLarge(self._max_bytes)
            case AnswerBroken():
                return StravaUnreadable("body", str(error))
            case ExchangeTooSlow(is_reading=True):
                return StravaTooSlow(total_s)
            case ExchangeTooSlow() | exceptions.TimeoutError():
                return StravaUnavailable(f"no answer in time ({type(error).__name__})")
        return StravaUnavailable(f"the connection failed ({type(error).__name__})")
