"""The README's first query is true: its commands are run as they stand, and print what it says."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SECTION = (ROOT / "README.md").read_text().split("## A first query")[1].split("\n## ")[0]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", SECTION, re.DOTALL)
PREPARATION = BLOCKS[0][1]
STEPS = [(command, answer) for (_, command), (_, answer) in zip(BLOCKS[1::2], BLOCKS[2::2], strict=True)]


@pytest.fixture(scope="module")
def running() -> Iterator[dict[str, str]]:
    # Not under pytest's own folder, whose permissions keep PostgreSQL's user out.
    home = Path(tempfile.mkdtemp(prefix="pacegraph-readme-"))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {**os.environ, "PACEGRAPH_HOME": str(home), "PORT": str(port)}
    command = [sys.executable, "-m", "cli", "run"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not (home / "run.json").exists():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield environment
    process.terminate()
    assert process.wait(15) == 0
    shutil.rmtree(home)


def test_the_first_query_answers_what_the_readme_says(running: dict[str, str]) -> None:
    assert len(STEPS) == 4
    for command, expected in STEPS:
        printed = subprocess.run(
            ["bash", "-euc", PREPARATION + command], cwd=ROOT, env=running, capture_output=True, text=True, check=True
        ).stdout
        if expected.startswith("data:"):
            events = [line.removeprefix("data: ") for line in printed.replace("\r", "").split("\n") if "{" in line]
            assert json.loads(expected.removeprefix("data: ")) in [_without_cost(json.loads(each)) for each in events]
        else:
            assert _without_cost(json.loads(printed)) == json.loads(expected)


def _without_cost(answer: dict[str, object]) -> dict[str, object]:
    """Leave out what the README leaves out, and says so."""
    assert answer.pop("extensions").keys() == {"cost"}
    return answer
