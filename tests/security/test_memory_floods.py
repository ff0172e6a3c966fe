"""What one address can make the API keep: at most 50 MB more, and no more the second time.

Next to each figure stands the quiet one of the same moment, as in `test_floods.py`.
"""

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from settings import load_settings
from tests.conftest import SECRETS, STRAVA
from tests.security.memory_floods import KINDS
from tests.security.runners import Runner, create_runners
from tests.security.test_floods import LEAST_MS, MOST_ATTEMPTS, MOST_TIMES_QUIET, SECONDS, honest
from tests.web.api_process import ApiProcess, api_process

pytestmark = pytest.mark.floods

MOST_MB = 50
MOST_AGAIN_MB = 10
"""What a second flood may add: what the first made the allocator keep serves again."""
_LOOK_S = 0.05

_ALL = {**dict.fromkeys(KINDS, "memory_floods"), "bodies that do not end": "connection_floods"}


@pytest.fixture(scope="module")
def runners(clone, connect_to) -> Iterator[tuple[list[Runner], str]]:
    with clone() as url, connect_to(url) as db:
        yield create_runners(db, athletes=20, activities=50, with_account=10), url


@pytest.fixture
def api(runners, redis_server_url: str, tmp_path: Path) -> Iterator[ApiProcess]:
    """A process of its own for each kind, so that each begins with as little. Limits as they come."""
    people, url = runners
    services = {"database_url": url, "redis_url": redis_server_url, "pacegraph_home": tmp_path}
    settings = load_settings(None, **services, **SECRETS, **STRAVA)
    with api_process(settings, tmp_path) as made:
        honest(made, people, 1)  # for plans and connections to be there
        yield made


@contextmanager
def flood(kind: str, api: ApiProcess) -> Iterator[list[float]]:
    """Let one address flood; the list has the most memory of the process, in MB, at the end."""
    most, is_over = [api.rss_mb], threading.Event()

    def look() -> None:
        while not is_over.wait(_LOOK_S):
            most[0] = max(most[0], api.rss_mb)

    command = [sys.executable, "-m", f"tests.security.{_ALL[kind]}", kind, api.address]
    watch = threading.Thread(target=look)
    watch.start()
    with subprocess.Popen(
        [*command, str(SECONDS + 2)], stdout=subprocess.PIPE, text=True
    ) as sender:
        time.sleep(0.5)
        yield most
        told, _ = sender.communicate(timeout=60)
        *_, sent = told.split()
    is_over.set()
    watch.join()
    assert int(sent) > 0


@pytest.mark.parametrize("kind", _ALL)
def test_a_flood_is_not_kept(runners, api: ApiProcess, kind: str):
    people, _ = runners
    before_mb = api.rss_mb
    figures = []
    for _ in range(MOST_ATTEMPTS):
        quiet = honest(api, people, SECONDS)
        with flood(kind, api) as most:
            seen = honest(api, people, SECONDS)
        time.sleep(2)
        figures.append(
            (quiet["p99_ms"], seen["p99_ms"], most[0] - before_mb, api.rss_mb - before_mb)
        )
        quiet_ms, seen_ms, most_mb, kept_mb = figures[-1]
        sys.stdout.write(
            f"\n{kind}: p99 {quiet_ms:.1f} → {seen_ms:.1f} ms, at most {most_mb:.0f} MB more, "
            f"{kept_mb:.0f} afterwards"
        )
        assert quiet["failures"] == seen["failures"] == {}
    assert max(most_mb for _, _, most_mb, _ in figures) <= MOST_MB
    assert figures[-1][3] - figures[0][3] <= MOST_AGAIN_MB
    assert any(
        seen_ms <= MOST_TIMES_QUIET * max(quiet_ms, LEAST_MS) for quiet_ms, seen_ms, _, _ in figures
    )
