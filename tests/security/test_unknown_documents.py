"""New documents of honest callers beside a caller who sends nothing but new documents, each as
dear as it may be, over 16 connections.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from settings import Settings, load_settings
from tests.conftest import SECRETS, STRAVA
from tests.security.runners import create_runners
from tests.web.api_process import ApiProcess, api_process

pytestmark = pytest.mark.security

CONNECTIONS = 16
SECONDS = 4
MOST_ATTEMPTS = 3
MOST_TIMES_QUIET = 3
LEAST_MS = 20
"""Below this the machine's own noise decides."""
COMMAND = [sys.executable, "-m", "tests.security.unknown_documents"]


@pytest.fixture
def defaults(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """Limits as they come."""
    urls = {"database_url": database_url, "redis_url": redis_url}
    return load_settings(
        None, pacegraph_home=tmp_path, trusted_proxies=("127.0.0.1",), **urls, **SECRETS, **STRAVA
    )


def honest(api: ApiProcess) -> dict[str, Any]:
    task = {"address": api.address, "seconds": SECONDS}
    done = subprocess.run(
        COMMAND, input=json.dumps(task) + "\n", capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def beside(api: ApiProcess, headers: dict[str, str]) -> tuple[dict[str, Any], dict[str, int]]:
    """What honest callers see, and what the other one is told."""
    task = {
        "address": api.address,
        "seconds": SECONDS + 0.5,
        "connections": CONNECTIONS,
        "headers": headers,
    }
    harm = subprocess.Popen(COMMAND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    harm.stdin.write(json.dumps(task) + "\ngo\n")
    harm.stdin.flush()
    seen = honest(api)
    told, _ = harm.communicate(timeout=60)
    return seen, json.loads(told)


def test_new_documents_of_one_caller_do_not_delay_those_of_others(
    db, defaults: Settings, tmp_path: Path
):
    [runner] = create_runners(db, athletes=1, activities=10, with_account=1)
    callers = {
        "a signed-out address": {"x-forwarded-for": "10.3.0.1"},
        "an account": {"x-forwarded-for": "10.3.0.2", "authorization": f"Bearer {runner.token}"},
    }
    with api_process(defaults, tmp_path) as api:
        for name, headers in callers.items():
            for _ in range(MOST_ATTEMPTS):
                quiet = honest(api)
                seen, told = beside(api, headers)
                sys.stdout.write(f"\n{name}: quiet {quiet}\n  beside {seen}\n  told {told}\n")
                assert seen["failures"] == quiet["failures"] == {}
                if seen["p99_ms"] <= MOST_TIMES_QUIET * max(quiet["p99_ms"], LEAST_MS):
                    break
            else:
                pytest.fail(
                    f"p99 was {quiet['p99_ms']:.0f} ms, beside {name} {seen['p99_ms']:.0f} ms"
                )
