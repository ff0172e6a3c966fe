"""A simulated Strava on a real socket, and a client of it."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from pydantic import SecretStr

from strava.client import StravaClient
from strava.simulator import create_simulator

DATA = Path(__file__).parent / "data"
CLIENT_ID, CLIENT_SECRET = "4711", "the-app-secret"
ALL_SCOPES = ["read", "activity:read_all", "profile:read_all"]


@contextmanager
def serving(app) -> Iterator[str]:
    """Serve `app` on a free port of this machine; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


class Simulated:
    """The address of a simulator, its control endpoints, and clients of it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=10)
        self.quotas: list = []
        self.client = self.make_client()

    def make_client(self, **changes) -> StravaClient:
        arguments = {
            "api_url": f"{self.url}/api/v3",
            "oauth_url": f"{self.url}/oauth",
            "client_id": CLIENT_ID,
            "client_secret": SecretStr(CLIENT_SECRET),
            "timeout_s": 5,
            "on_quota": self.quotas.append,
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
        code = self.control("POST", f"/athletes/{athlete_id}/codes", json={"scopes": scopes})["code"]
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
