"""GraphiQL as a visitor finds it, in Chromium, against everything that `make run` starts."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.home import running_facts

pytestmark = pytest.mark.browser

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
START_TIMEOUT_S = 180


@pytest.fixture(scope="module")
def run_json() -> Iterator[dict]:
    """What the server says about itself. PACEGRAPH_RUN names the run.json of one that runs already."""
    if running := os.environ.get("PACEGRAPH_RUN"):
        yield json.loads(Path(running).read_text())
        return
    # Not tmp_path: the path of a unix socket may have 107 characters.
    home = Path(tempfile.mkdtemp(prefix="pacegraph-"))
    with _server(home) as facts:
        yield facts
    shutil.rmtree(home)


@contextmanager
def _server(home: Path) -> Iterator[dict]:
    environment = os.environ | {"PORT": str(_free_port()), "PACEGRAPH_HOME": str(home)}
    process = subprocess.Popen([sys.executable, "-m", "cli", "run"], cwd=ROOT, env=environment)
    try:
        deadline = time.monotonic() + START_TIMEOUT_S
        while (facts := running_facts(home)) is None:
            assert process.poll() is None, "the server ended before it was ready"
            assert time.monotonic() < deadline, (
                f"the server was not ready after {START_TIMEOUT_S} s"
            )
            time.sleep(0.2)
        yield facts
    finally:
        process.terminate()
        process.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_graphiql(run_json: dict) -> None:
    subprocess.run([FOLDER / "install.sh"], check=True)
    script = ["node", FOLDER / "graphiql.mjs", run_json["url"], run_json["tokens"]["athlete"]]
    result = subprocess.run(script, check=False, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
