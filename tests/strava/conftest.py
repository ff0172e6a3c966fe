"""A simulated Strava on a real socket, and a client of it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from strava.client import StravaClient
from strava.quota_headers import quota_from_headers
from strava_simulator import create_simulator
from tests.http_server import listening

DATA = Path(__file__).parent / "data"
CLIENT_ID, CLIENT_SECRET = "4711", "the-app-secret"
ALL_SCOPES = ["read", "activity:read_all", "profile:read_all"]


@contextmanager
def serving(app) -> Iterator[str]:
    """Serve `app` on a free port of this machine; gives its address."""
    with listening(app) as address:
        yield f"http://{address}"


class _QuotaNotes:
    """Lets all requests through, and notes what each answer's headers tell of the quota."""

    is_refused = False

    def __init__(self, quotas: list) -> None:
        self._quotas = quotas

    @contextmanager
    def request(self, *, read: bool) -> Iterator["_QuotaNotes"]:
        yield self

    def answered(self, _: int, headers: Mapping[str, str]) -> None:
        if quota := quota_from_headers(headers, datetime.now(UTC)):
            self._quotas.append(quota)


class Simulated:
    """The address of a simulator, its control endpoints, and clients of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        # verify: certificates would be loaded, and are not needed here
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=10, verify=False)
        self.quotas: list = []
        self.client = self.make_client()

    def make_client(self, **changes) -> StravaClient:
        arguments = {
            "api_url": f"{self.url}/api/v3",
            "oauth_url": f"{self.url}/oauth",
            "client_id": CLIENT_ID,
            "client_secret": SecretStr(CLIENT_SECRET),
            "timeout_s": 5,
            "refresh_timeout_s": 10,
            "max_bytes": 2**24,
            "gate": _QuotaNotes(self.quotas),
        }
        return StravaClient(**arguments | changes)

    def control(self, method: str, path: str, **arguments):
        answer = self.http.request(method, f"/simulator{path}", **arguments)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def fault(self, kind: str, **fields) -> None:
        self.control("POST", "/faults", json={"kind": kind, **fields})

    def connect(self, athlete_id: int = 1001, scopes: list[str] | None = None):
        """Tokens of an athlete who granted `scopes`."""
        scopes = ALL_SCOPES if scopes is None else scopes
        code = self.control("POST", f"/athletes/{athlete_id}/codes", json={"scopes": scopes})[
            "code"
        ]
        return self.client.exchange_code(code).tokens

    def close(self) -> None:
        self.client.close()
        self.http.close()


@pytest.fixture
def simulate() -> Iterator[Callable[..., Simulated]]:
    """Starts simulators, with keyword arguments of `create_simulator` in place of the usual ones."""
    usual = {
        "runs": DATA / "runs.ndjson",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "athletes": 3,
        "webhook_retry_delay_s": 0.05,
    }
    with ExitStack() as stack:

        def start(**changes) -> Simulated:
            url = stack.enter_context(serving(create_simulator(**usual | changes)))
            return stack.enter_context(closing(Simulated(url)))

        yield start


@pytest.fixture
def strava(simulate) -> Simulated:
    """A simulator with three athletes; the first has the runs of data/runs.ndjson."""
    return simulate()
