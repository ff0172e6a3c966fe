"""A server of `make run` for all browser tests of one session."""

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

ROOT = Path(__file__).parents[2]
START_TIMEOUT_S = 180


@pytest.fixture(scope="session")
def run_json() -> Iterator[dict]:
    """What the server says about itself. PACEGRAPH_RUN names the run.json of one that runs already."""
    if running := os.environ.get("PACEGRAPH_RUN"):
        yield json.loads(Path(running).read_text())
        return
    with served_home() as home, server(home, free_port()) as facts:
        yield facts


@contextmanager
def served_home() -> Iterator[Path]:
    """An empty home. Not tmp_path: the path of a unix socket may have 107 characters."""
    home = Path(tempfile.mkdtemp(prefix="pacegraph-"))
    yield home
    shutil.rmtree(home)


@contextmanager
def server(home: Path, port: int, **settings: str) -> Iterator[dict]:
    """`pacegraph run` until it is ready; ended afterwards."""
    environment = os.environ | {"PORT": str(port), "PACEGRAPH_HOME": str(home)} | settings
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
