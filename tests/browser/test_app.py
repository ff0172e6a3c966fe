"""The example app as a runner finds it, in Chromium, against everything that `make run` starts."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser.conftest import free_port, served_home, server

pytestmark = pytest.mark.browser

FOLDER = Path(__file__).parent
SOURCE = FOLDER.parents[1] / "examples" / "web"


@pytest.fixture
def facts() -> Iterator[dict]:
    """A server of its own, without runs, and with the limits that everybody has."""
    with served_home() as home, server(home, free_port()) as found:
        yield found


def test_the_app(facts: dict) -> None:
    subprocess.run([FOLDER / "install.sh"], check=True)
    script = ["node", FOLDER / "app.mjs", facts["url"], facts["tokens"]["athlete"], facts["strava"]]
    result = subprocess.run(script, check=False, capture_output=True, text=True, timeout=600)
    sys.stdout.write(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_committed_build_is_what_the_sources_build() -> None:
    subprocess.run(["npm", "ci"], cwd=SOURCE, check=True, capture_output=True, timeout=300)
    built = subprocess.run(
        ["npm", "run", "check"],
        cwd=SOURCE,
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert built.returncode == 0, built.stdout + built.stderr
