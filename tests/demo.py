"""The demo of `pacegraph run`, with the runs of the simulated Strava in it."""

import time
from typing import Any

import httpx

from tests.patience import PATIENCE_S

_SYNC = "mutation($athlete: ID!) { syncStrava(input: {athleteId: $athlete}) { job { id } } }"
_STATUS = "query($job: ID!) { job(id: $job) { status } }"


def ask(facts: dict[str, Any], query: str, **variables: Any) -> dict[str, Any]:
    """Ask as the demo's athlete; gives the whole answer. `facts` are those of run.json."""
    answer = httpx.post(
        facts["graphql"],
        json={"query": query, "variables": variables},
        headers={"authorization": f"Bearer {facts['tokens']['athlete']}"},
        timeout=30,
        trust_env=False,
    )
    said: dict[str, Any] = answer.json()
    return said


def synced(facts: dict[str, Any]) -> None:
    """Fetch all runs of the simulated athlete, and wait until they are there."""
    started = ask(facts, _SYNC, athlete=facts["athlete_id"])
    job = started["data"]["syncStrava"]["job"]["id"]
    deadline = time.monotonic() + PATIENCE_S
    while (found := ask(facts, _STATUS, job=job)["data"]["job"]["status"]) != "SUCCEEDED":
        assert found in {"QUEUED", "RUNNING", "WAITING"}
        assert time.monotonic() < deadline
        time.sleep(0.1)
