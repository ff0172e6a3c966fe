"""A simulated Strava on a real socket, as the tests of jobs drive it."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import httpx

from local.simulated_strava import DEMO_RUNS
from strava_simulator import create_simulator
from tests.http_server import listening

CLIENT_ID, CLIENT_SECRET = "4711", "the-app-secret"
RUNNER = 1001
"""The simulated athlete with the 48 demo runs."""
ALL_SCOPES = ["read", "activity:read_all", "profile:read_all"]


class Simulated:
    def __init__(self, url: str) -> None:
        self.url = url
        # verify: certificates would be loaded, and are not needed here
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=10, verify=False)

    def control(self, method: str, path: str, **arguments):
        answer = self.http.request(method, f"/simulator{path}", **arguments)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def fault(self, kind: str, **fields) -> None:
        self.control("POST", "/faults", json={"kind": kind, **fields})

    def heal(self) -> None:
        self.control("DELETE", "/faults")

    def code(self, athlete: int = RUNNER, scopes: list[str] | None = None) -> str:
        return self.control(
            "POST", f"/athletes/{athlete}/codes", json={"scopes": scopes or ALL_SCOPES}
        )["code"]

    def activities(self, athlete: int = RUNNER) -> list[dict]:
        return self.control("GET", f"/athletes/{athlete}/activities")

    def add(self, athlete: int = RUNNER, streams: dict | None = None, **fields) -> int:
        body = {"activity": fields, "streams": streams, "notify": False}
        return self.control("POST", f"/athletes/{athlete}/activities", json=body)["id"]

    def change(self, strava_id: int, **fields) -> None:
        self.control("PATCH", f"/activities/{strava_id}?notify=false", json=fields)

    def delete(self, strava_id: int) -> None:
        self.control("DELETE", f"/activities/{strava_id}?notify=false")

    def requests(self, part: str = "") -> int:
        """Requests since the last look at paths that hold `part`."""
        by_path = self.control("GET", "/requests")["by_path"]
        return sum(number for path, number in by_path.items() if part in path)

    def forget_requests(self) -> None:
        self.control("DELETE", "/requests")


@contextmanager
def simulated_strava(**options) -> Iterator[Simulated]:
    usual = {
        "runs": DEMO_RUNS,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "athletes": 3,
    }
    app = create_simulator(**usual | options)
    with listening(app) as address:
        simulated = Simulated(f"http://{address}")
        with closing(simulated.http):
            yield simulated
