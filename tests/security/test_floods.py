"""One connection, or one address, signed out and at full speed: what others and the server notice.

Next to each figure stands the quiet one of the same moment. The attacker has an address of its own
(127.0.0.2). Server and load share a machine, on which other work is seen at once: what is measured
may be measured again, twice at most.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from settings import load_settings
from tests.conftest import SECRETS, STRAVA
from tests.security.connection_floods import HOLDING, ONE_CONNECTION
from tests.security.runners import Runner, create_runners
from tests.web.api_process import ApiProcess, api_process

pytestmark = pytest.mark.floods

SECONDS, PAUSE_S = 3.0, 0.05
MOST_ATTEMPTS = 3
MOST_TIMES_QUIET, LEAST_MS = 3, 10
"""Below so many milliseconds the machine's own noise decides."""
MOST_MB = 50

_BY_ADDRESS = ("health checks", "readiness checks", "queries", "pings", "large variables",
               "metrics", "sign-outs", "feedback", "deflate bombs", "unknown tokens",
               "unknown archives", "small chunks", "many fields", "answers in parts",
               "reservations of streams", "operations that are left")  # fmt: skip
KINDS = [
    *ONE_CONNECTION,
    *(f"{kind} | unread" for kind in ("health checks", "queries", "pings", "ping frames")),
    *(f"{kind} | address" for kind in _BY_ADDRESS),
    "connections",
    "churn",
    *HOLDING,
]


@pytest.fixture(scope="module")
def runners_and_api(
    clone, connect_to, redis_server_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[list[Runner], ApiProcess]]:
    """Limits as they come."""
    folder: Path = tmp_path_factory.mktemp("floods")
    with clone() as url, connect_to(url) as db:
        runners = create_runners(db, athletes=20, activities=50, with_account=10)
        settings = load_settings(
            None, database_url=url, redis_url=redis_server_url, pacegraph_home=folder, **SECRETS, **STRAVA
        )  # fmt: skip
        with api_process(settings, folder) as api:
            honest(api, runners, 1)  # for plans and connections to be there
            yield runners, api


def honest(api: ApiProcess, runners: list[Runner], seconds: float) -> dict:
    """Let honest clients ask; gives what they saw."""
    clients = [
        {"token": each.token, "athlete_id": each.athlete_id, "activity_ids": each.activity_ids, "headers": {}}
        for each in runners
    ]  # fmt: skip
    task = {"address": api.address, "runners": clients, "seconds": seconds + 1, "pause_s": PAUSE_S}
    command = [sys.executable, "-m", "tests.security.honest_clients"]
    done = subprocess.run(
        command, input=json.dumps(task), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def under(kind: str, api: ApiProcess, runners: list[Runner]) -> tuple[dict, str]:
    """Let both ask; gives what the honest ones saw, and what the other one sent."""
    command = [sys.executable, "-m", "tests.security.connection_floods", kind, api.address]
    with subprocess.Popen([*command, str(SECONDS + 2)], stdout=subprocess.PIPE, text=True) as flood:
        assert flood.stdout is not None
        assert flood.stdout.readline() == "begun\n"
        time.sleep(0.5)
        seen = honest(api, runners, SECONDS)
        sent, _ = flood.communicate(timeout=30)
    return seen, sent


@pytest.mark.parametrize("kind", KINDS)
def test_a_flood_harms_nobody_else(runners_and_api, kind: str):
    runners, api = runners_and_api
    before_mb = api.rss_mb
    for _ in range(MOST_ATTEMPTS):
        quiet = honest(api, runners, SECONDS)
        seen, sent = under(kind, api, runners)
        most_mb = api.rss_mb
        sys.stdout.write(
            f"\n{kind}: sent {sent}; p50 {quiet['p50_ms']:.1f} → {seen['p50_ms']:.1f}, p99 "
            f"{quiet['p99_ms']:.1f} → {seen['p99_ms']:.1f} ms; {before_mb:.0f} → {most_mb:.0f} MB"
        )
        assert quiet["failures"] == seen["failures"] == {}
        assert int(sent) > 0
        if seen["p99_ms"] <= MOST_TIMES_QUIET * max(quiet["p99_ms"], LEAST_MS):
            break
    else:
        pytest.fail(f"p99 was {quiet['p99_ms']:.1f} ms, beside the flood {seen['p99_ms']:.1f} ms")
    assert most_mb - before_mb <= MOST_MB
