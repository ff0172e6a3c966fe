"""A simulated Strava on a real socket, as the tests of jobs drive it."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from copy import deepcopy
from dataclasses import fields
from typing import Any

import httpx
from fastapi import FastAPI

from local.simulated_strava import DEMO_RUNS
from strava_simulator import create_simulator
from strava_simulator.activity import SimulatedActivity
from strava_simulator.gate import RequestHistory
from strava_simulator.world import World as SimulatedWorld
from tests.http_server import listening
from tests.patience import PATIENCE_S

CLIENT_ID, CLIENT_SECRET = "4711", "the-app-secret"
RUNNER = 1001
"""The simulated athlete with the 48 demo runs."""
ALL_SCOPES = ["read", "activity:read_all", "profile:read_all"]


class Door:
    """Stands before the application: while it is shut, requests to some paths wait."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._shut_to: str | None = None
        self._let_in = 0
        self.waiting = 0

    @contextmanager
    def shut(self, part: str, *, but_first: int = 0) -> Iterator["Door"]:
        """Hold requests to paths with `part`, after the first of them, until the block ends."""
        self._shut_to, self._let_in = part, but_first
        try:
            yield self
        finally:
            self._shut_to = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if self._holds(scope.get("path", "")):
            self.waiting += 1
            while self._shut_to is not None:  # noqa: ASYNC110 - another thread opens
                await asyncio.sleep(0.01)
            self.waiting -= 1
        await self._app(scope, receive, send)

    def _holds(self, path: str) -> bool:
        if self._shut_to is None or self._shut_to not in path:
            return False
        self._let_in -= 1
        return self._let_in < 0


class Simulated:
    def __init__(self, url: str, app: FastAPI, door: Door) -> None:
        self.url = url
        self.door = door
        self._state = app.state.simulator
        # verify: certificates would be loaded, and are not needed here
        self.http = httpx.Client(base_url=url, trust_env=False, timeout=PATIENCE_S, verify=False)

    @property
    def simulated_world(self) -> SimulatedWorld:
        """Its athletes and activities themselves."""
        return self._state.world

    @property
    def history(self) -> RequestHistory:
        """Its requests themselves."""
        return self._state.log

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

    def simulated_activities(self, athlete: int = RUNNER) -> list[SimulatedActivity]:
        """Its activities themselves, with their streams, newest first."""
        return self._state.world.activities(athlete)

    def add(self, athlete: int = RUNNER, streams: dict | None = None, **fields) -> int:
        body = {"activity": fields, "streams": streams, "notify": False}
        return self.control("POST", f"/athletes/{athlete}/activities", json=body)["id"]

    def change(self, strava_id: int, **fields) -> None:
        self.control("PATCH", f"/activities/{strava_id}?notify=false", json=fields)

    def delete(self, strava_id: int) -> None:
        self.control("DELETE", f"/activities/{strava_id}?notify=false")

    def remember(self) -> Callable[[], None]:
        """Remember activities and tokens; returns what brings them back."""
        parts = (self._state.world, self._state.tokens)
        kept = deepcopy(
            [{each.name: getattr(part, each.name) for each in fields(part)} for part in parts]
        )

        def bring_back() -> None:
            for part, values in zip(parts, deepcopy(kept), strict=True):
                for name, value in values.items():
                    setattr(part, name, value)

        return bring_back

    def requests(self, part: str = "") -> int:
        """Requests since the last look at paths that hold `part`."""
        by_path = self.control("GET", "/requests")["by_path"]
        return sum(number for path, number in by_path.items() if part in path)

    def forget_requests(self) -> None:
        self.control("DELETE", "/requests")


@contextmanager
def simulated_strava(
    wrapped: Callable[[FastAPI], Any] = lambda app: app, *, at: str = "127.0.0.1", **options
) -> Iterator[Simulated]:
    """Serve one at an address, as `wrapped` makes it."""
    usual = {
        "runs": DEMO_RUNS,
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "athletes": 3,
    }
    app = create_simulator(**usual | options)
    door = Door(wrapped(app))
    with listening(door, at=at, date_header="clock" not in options) as address:
        simulated = Simulated(f"http://{address}", app, door)
        with closing(simulated.http):
            yield simulated
