"""10,000 events of Strava's webhook in a minute, beside honest clients, on one API process.

A part of `make test-floods`. All are answered in time and stored, and the honest clients wait at
most twice as long. No worker runs, so the events stay and can be counted. Server and load share a
machine, on which other work is seen at once: what is measured may be measured again, twice at most.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from settings import Settings, load_settings
from tests import factories as make
from tests.conftest import SECRETS, STRAVA
from tests.jobs.test_strava_webhook import SECRET
from tests.security.runners import Runner, create_runners
from tests.security.test_floods import LEAST_MS, MOST_ATTEMPTS, honest
from tests.web.api_process import ApiProcess, api_process
from web.webhook_address import callback_url

pytestmark = pytest.mark.floods

EVENTS, SECONDS, QUIET_S = 10_000, 60, 15.0
HONEST, ATHLETES = 10, 1000
MOST_MS, MOST_TIMES_QUIET = 200, 2
LATEST_MS = 2_000
"""Strava gives up on an answer after 2 s, and on an event after three times."""
OBJECTS_OF_AN_ATTEMPT = 10**6


@pytest.fixture
def runners(db: Connection) -> list[Runner]:
    return create_runners(db, athletes=ATHLETES, activities=50, with_account=HONEST)


@pytest.fixture
def owners(db: Connection, runners: list[Runner]) -> list[int]:
    """Strava's ids of the athletes, all of whom are connected."""
    for athlete_id in db.execute(text("SELECT id FROM athletes")).scalars().all():
        make.create_connection(db, athlete_id)
    return list(db.execute(text("SELECT strava_athlete_id FROM strava_connections")).scalars())


@pytest.fixture
def defaults(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """Limits as they come."""
    urls = {"database_url": database_url, "redis_url": redis_url, "pacegraph_home": tmp_path}
    return load_settings(None, strava_webhook_secret=SECRET, **urls, **SECRETS, **STRAVA)


def test_a_burst_of_events_is_stored_and_harms_nobody(
    defaults: Settings, db: Connection, runners: list[Runner], owners: list[int], tmp_path: Path
) -> None:
    with api_process(defaults, tmp_path) as api:
        honest(api, runners, 2)  # for plans and connections to be there
        for attempt in range(1, MOST_ATTEMPTS + 1):
            quiet = honest(api, runners, QUIET_S)
            first = attempt * OBJECTS_OF_AN_ATTEMPT
            seen, sent = _beside_events(api, runners, _task(defaults, owners, first))
            _report(quiet, seen, sent)
            assert sent["answers"] == {"200": EVENTS}
            assert _stored_since(db, first) == set(range(first, first + EVENTS))
            assert quiet["failures"] == seen["failures"] == {}
            in_time = sent["p99_ms"] < MOST_MS and sent["most_ms"] < LATEST_MS
            if in_time and _is_as_quick(seen["p99_ms"], quiet["p99_ms"]):
                break
        else:
            pytest.fail(f"{sent}; p99 of honest clients: {quiet['p99_ms']}, then {seen['p99_ms']}")
    with_job = db.execute(text("SELECT athlete_id FROM jobs WHERE kind = 'STRAVA_WEBHOOK'"))
    assert len(with_job.scalars().all()) == ATHLETES


def _task(settings: Settings, owners: list[int], first: int) -> dict[str, Any]:
    path = callback_url(settings, "")
    return {
        "path": path, "owners": owners, "events": EVENTS, "seconds": SECONDS, "first_object": first,
    }  # fmt: skip


def _beside_events(
    api: ApiProcess, runners: list[Runner], task: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Let both ask; gives what the honest ones saw, and how the events were answered."""
    command = [sys.executable, "-m", "tests.security.webhook_sender"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as sender:
        assert sender.stdin is not None
        sender.stdin.write(json.dumps({"address": api.address, **task}))
        sender.stdin.close()
        sender.stdin = None
        seen = honest(api, runners, SECONDS - 2)
        sent, _ = sender.communicate(timeout=60)
    return seen, json.loads(sent)


def _stored_since(db: Connection, first: int) -> set[int]:
    rows = db.execute(
        text("SELECT object_id FROM strava_events WHERE object_id >= :first"), {"first": first}
    )
    return set(rows.scalars())


def _is_as_quick(p99_ms: float, quiet_p99_ms: float) -> bool:
    return p99_ms <= MOST_TIMES_QUIET * max(quiet_p99_ms, LEAST_MS)


def _report(quiet: dict[str, Any], seen: dict[str, Any], sent: dict[str, Any]) -> None:
    """Write it down for who runs this with `-s`."""
    sys.stdout.write(
        f"\n{EVENTS} events in {sent['seconds']:.1f} s: {sent['answers']}, p50 {sent['p50_ms']:.1f}, "
        f"p99 {sent['p99_ms']:.1f}, most {sent['most_ms']:.0f} ms; honest clients p50 "
        f"{quiet['p50_ms']:.1f} → {seen['p50_ms']:.1f}, p99 {quiet['p99_ms']:.1f} → {seen['p99_ms']:.1f} ms\n"
    )
