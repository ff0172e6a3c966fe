"""The mixed load of `bench.soak`: queries, mutations, subscriptions and jobs, over and over."""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Self

import httpx

_QUERIES = (
    """query($id: ID!) { athlete(id: $id) { displayName activities(first: 20) { totalCount
    nodes { id name startedAt distanceMeters bestEfforts { id elapsedTimeSeconds } } } } }""",
    "query($id: ID!) { athlete(id: $id) { personalBests { distance elapsedTimeSeconds } } }",
    "query($id: ID!) { athlete(id: $id) { trainingLoad { fitness } criticalSpeed { metersPerSecond } } }",
    "{ leaderboard(distance: KM5, first: 50) { nodes { elapsedTimeSeconds athlete { id } } } }",
    "{ athletes(first: 50) { nodes { id displayName } } }",
    '{ activities(first: 20, filter: { nameContains: "run" }) { nodes { id name } } }',
    """query($id: ID!) { athlete(id: $id) { activities(first: 3) { nodes { id splits { totalCount }
    streams(maxPoints: 200) { timeSeconds heartRate } } } } }""",
)
_ACTIVITIES = "query($id: ID!) { athlete(id: $id) { activities(first: 50) { nodes { id } } } }"
_EDIT = """mutation($activity: ID!, $notes: String!, $hidden: Boolean!) { updateActivity(input: {
    activityId: $activity, notes: $notes, hidden: $hidden }) { userErrors { message } } }"""
_JOBS = (
    "mutation($id: ID!) { syncStrava(input: {athleteId: $id}) { job { id } } }",
    "mutation($id: ID!) { recalculatePersonalBests(input: {athleteId: $id}) { job { id } } }",
    "mutation($id: ID!) { exportAthlete(input: {athleteId: $id}) { job { id } } }",
)
_WATCH = "subscription($id: ID!) { athleteJobs(athleteId: $id) { id status } }"
_WATCH_S = 10
_PAUSE_S = 0.05
_EDIT_EVERY_S, _JOB_EVERY_S = 0.5, 10
READERS, WATCHERS = 4, 10


class Load:
    """Clients in threads, from the beginning of a block to its end."""

    def __init__(self, facts: dict[str, Any], is_disturbed: Callable[[], bool]) -> None:
        """`is_disturbed` tells whether something was restarted just now."""
        self._facts, self._is_disturbed = facts, is_disturbed
        self._is_over = threading.Event()
        self.answers: Counter[str] = Counter()
        """How many answers were good, and which were not while nothing was restarted."""
        readers = [self._read] * READERS
        kinds = [*readers, *[self._watch] * WATCHERS, self._edit, self._start_jobs]
        self._threads = [threading.Thread(target=each) for each in kinds]

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for each in self._threads:
            each.join()

    def _read(self) -> None:
        with self._client() as http:
            while not self._is_over.wait(_PAUSE_S):
                self._ask(http, random.choice(_QUERIES))

    def _edit(self) -> None:
        activities: list[dict[str, str]] = []
        with self._client() as http:
            while not self._is_over.wait(_EDIT_EVERY_S):
                if not activities:
                    found = self._ask(http, _ACTIVITIES)
                    activities = found["athlete"]["activities"]["nodes"] if found else []
                for each in activities[:1]:
                    activities = [*activities[1:], each]
                    values = {"activity": each["id"], "notes": str(time.time())}
                    self._ask(http, _EDIT, **values, hidden=bool(random.getrandbits(1)))

    def _start_jobs(self) -> None:
        with self._client() as http:
            while not self._is_over.wait(_JOB_EVERY_S):
                self._ask(http, random.choice(_JOBS))

    def _watch(self) -> None:
        headers = {"accept": "text/event-stream"}
        with self._client() as http:
            while not self._is_over.wait(1):
                until = time.monotonic() + _WATCH_S
                try:
                    with http.stream(
                        "POST", self._graphql, json=self._body(_WATCH), headers=headers
                    ) as events:
                        for _ in events.iter_raw():
                            if time.monotonic() > until or self._is_over.is_set():
                                break
                except httpx.HTTPError as error:
                    self._note(f"subscription: {type(error).__name__}")
                else:
                    self._note("good")

    def _ask(self, http: httpx.Client, query: str, **variables: Any) -> dict[str, Any] | None:
        try:
            answer = http.post(self._graphql, json=self._body(query, **variables))
            found = json.loads(answer.content)
        except (httpx.HTTPError, ValueError) as error:
            self._note(type(error).__name__)
            return None
        if "errors" in found:
            self._note(json.dumps(found["errors"])[:300])
            return None
        self._note("good")
        data: dict[str, Any] = found["data"]
        return data

    def _note(self, what: str) -> None:
        if what == "good" or not self._is_disturbed():
            self.answers[what] += 1

    def _body(self, query: str, **variables: Any) -> dict[str, Any]:
        wanted = {"id": self._facts["athlete_id"]} if "$id" in query else {}
        return {"query": query, "variables": wanted | variables}

    @property
    def _graphql(self) -> str:
        url: str = self._facts["graphql"]
        return url

    def _client(self) -> httpx.Client:
        headers = {"authorization": f"Bearer {self._facts['tokens']['athlete']}"}
        return httpx.Client(headers=headers, timeout=30, trust_env=False)
