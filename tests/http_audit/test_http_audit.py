"""GraphQL over HTTP, as the audit of the specification's reference implementation sees the API
process.
"""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from settings import Settings

pytestmark = pytest.mark.http_audit

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
START_TIMEOUT_S = 60
LEAST_AUDITS = 60


@pytest.fixture
def api_url(settings: Settings) -> Iterator[str]:
    """The API, as a process of its own."""
    port = _free_port()
    environment = os.environ | {
        "PORT": str(port),
        "DATABASE_URL": settings.database_url.get_secret_value(),
        "REDIS_URL": settings.redis_url.get_secret_value(),
        "SECRET_KEY": settings.secret_key.get_secret_value(),
        "TOKEN_ENCRYPTION_KEYS": settings.token_encryption_keys[0].get_secret_value(),
        "STRAVA_CLIENT_ID": settings.strava_client_id,
        "STRAVA_CLIENT_SECRET": settings.strava_client_secret.get_secret_value(),
    }
    process = subprocess.Popen([sys.executable, "-m", "cli", "api"], cwd=ROOT, env=environment)
    try:
        url = f"http://127.0.0.1:{port}"
        _await_ready(process, f"{url}/readyz")
        yield url
    finally:
        process.terminate()
        process.wait(timeout=30)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def _await_ready(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        assert process.poll() is None, "the API ended before it was ready"
        assert time.monotonic() < deadline, f"the API was not ready after {START_TIMEOUT_S} s"
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)


CONTRARY = {
    "572B": 400,  # a document that does not parse, where 200 was asked for plain JSON
    "FDE2": 400,  # sent as one that is not valid; it does not parse
    "7B9B": 422,  # variables that cannot be coerced, where 200 was asked for plain JSON
    "86EE": 422,  # the same, where 400 was asked
    **dict.fromkeys(
        [
            *("423L", "3E3A", "LKJ0", "LKJ1", "LKJ2", "LKJ3", "6C00", "6C01", "6C02", "6C03"),
            *("4760", "4761", "4762", "4763", "58B0", "58B1", "58B2", "58B3"),
        ],
        422,
    ),  # JSON that is no well-formed request, where 400 was allowed
}
"""Audits of a draft that the edition of September 2026 contradicts, with the status that it asks for.

`tests/web/protocols/test_http_edition.py` holds that edition's rules.
"""


def test_every_audit_passes_that_the_edition_does_not_contradict(api_url: str) -> None:
    if not (FOLDER / "node_modules" / "graphql-http").exists():
        subprocess.run(["npm", "ci", "--no-fund", "--no-audit"], cwd=FOLDER, check=True)
    command = ["node", FOLDER / "audit.mjs", f"{api_url}/graphql"]
    result = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    assert not result.stderr
    failed = re.findall(r"^\w+ (\w{4}) .*; the answer was (\d+)$", result.stdout, re.MULTILINE)
    assert {name: int(status) for name, status in failed} == CONTRARY, result.stdout
    counted = re.search(r"(\d+) of (\d+) audits pass", result.stdout)
    assert counted
    passed, audits = int(counted[1]), int(counted[2])
    assert audits >= LEAST_AUDITS
    assert passed == audits - len(CONTRARY)
