"""Clients that ask a server over and over, while something happens to what is behind it."""

import threading
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Self

import httpx

CLIENTS = 3
_RATE = """mutation($id: ID!, $rate: Int!) { updateAthlete(input: {
    athleteId: $id, maxHeartRate: $rate }) { athlete { id } userErrors { message } } }"""
_WRITTEN = "query($id: ID!) { athlete(id: $id) { maxHeartRate } }"
_PAUSE_S = 0.05


class Asking:
    """Threads that send operations in turn until the block ends, and count the answers."""

    def __init__(
        self, http: httpx.Client, token: str, operations: Sequence[tuple[str, dict[str, Any]]]
    ) -> None:
        self._http, self._operations = http, operations
        self._headers = {"authorization": f"Bearer {token}"}
        self._is_over = threading.Event()
        self.answers: Counter[str] = Counter()
        """Good ones, and the text of each other."""
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(CLIENTS)]

    def __enter__(self) -> Self:
        for each in self._threads:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        for each in self._threads:
            each.join()

    def _ask_on(self) -> None:
        while not self._is_over.is_set():
            for query, variables in self._operations:
                self.answers[self.ask(query, **variables)] += 1
            time.sleep(_PAUSE_S)

    def ask(self, query: str, **variables: Any) -> str:
        """Send an operation; returns "good", or what was answered."""
        answer = self._answer(query, variables)
        is_good = answer.status_code == 200 and "errors" not in answer.json()
        return "good" if is_good else answer.text

    def see_written(self, athlete: str, rate: int) -> None:
        """Write a heart rate and check that each answer has it, also those of the cache."""
        assert self.ask(_RATE, id=athlete, rate=rate) == "good"
        for _ in range(3):
            seen = self._answer(_WRITTEN, {"id": athlete}).json()
            assert seen["data"]["athlete"]["maxHeartRate"] == rate, seen

    def _answer(self, query: str, variables: dict[str, Any]) -> httpx.Response:
        body = {"query": query, "variables": variables}
        return self._http.post("/graphql", json=body, headers=self._headers)
