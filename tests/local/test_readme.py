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
from typing import Any
from urllib.request import Request, urlopen

import pytest

from local.home import running_facts
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.whole

ROOT = Path(__file__).resolve().parents[2]
SECTION = (ROOT / "README.md").read_text().split("## A first query")[1].split("\n## ")[0]
BLOCKS = re.findall(r"```(\w+)\n(.*?)```", SECTION, re.DOTALL)
PREPARATION = BLOCKS[0][1]
STEPS = [
    (command, answer) for (_, command), (_, answer) in zip(BLOCKS[1::2], BLOCKS[2::2], strict=True)
]


@pytest.fixture(scope="module")
def running() -> Iterator[dict[str, str]]:
    # Not under pytest's own folder, whose permissions keep PostgreSQL's user out.
    home = Path(tempfile.mkdtemp(prefix="pacegraph-readme-"))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {**os.environ, "PACEGRAPH_HOME": str(home), "PORT": str(port)}
    command = [sys.executable, "-m", "cli", "run"]
    with (home / "terminal").open("wb") as terminal:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=terminal, stderr=subprocess.DEVNULL
        )
    deadline = time.monotonic() + 60
    while running_facts(home) is None:
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
            ["bash", "-euc", PREPARATION + command],
            cwd=ROOT,
            env=running,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        if expected.startswith("data:"):
            events = [
                line.removeprefix("data: ")
                for line in printed.replace("\r", "").split("\n")
                if "{" in line
            ]
            assert json.loads(expected.removeprefix("data: ")) in [
                _without_cost(json.loads(each)) for each in events
            ]
        else:
            assert _without_job(_without_cost(json.loads(printed))) == _without_job(
                json.loads(expected)
            )


def test_the_link_that_is_printed_is_signed_in(running: dict[str, str]) -> None:
    """The browser's test opens such a link; here is that it is printed, holds, and is logged nowhere."""
    home = Path(running["PACEGRAPH_HOME"])
    deadline = time.monotonic() + PATIENCE_S
    while (
        link := re.search(r"(http://\S+)/graphiql#token=(\S+)", _read(home / "terminal"))
    ) is None:
        assert time.monotonic() < deadline, _read(home / "terminal")
        time.sleep(0.05)
    url, token = link.groups()
    asked = Request(
        f"{url}/graphql", json.dumps({"query": "{ viewer { athlete { id } } }"}).encode()
    )
    asked.add_header("authorization", f"Bearer {token}")
    asked.add_header("content-type", "application/json")
    with urlopen(asked, timeout=10) as answer:
        viewer = json.load(answer)["data"]["viewer"]
    assert viewer["athlete"]["id"] == json.loads(_read(home / "run.json"))["athlete_id"]
    logs = list((home / "logs").iterdir())
    assert logs
    assert not [log.name for log in logs if token in _read(log)]


def _read(file: Path) -> str:
    return file.read_text(errors="replace")


def _without_job(answer: Any) -> Any:
    """Leave out the id of the job that was started: it is random."""
    job = answer["data"].get("syncStrava", {}).get("job", {})
    assert job.pop("id", "Sm9i").startswith("Sm9i")
    return answer


def _without_cost(answer: dict[str, object]) -> dict[str, object]:
    """Leave out what the README leaves out, and says so."""
    assert answer.pop("extensions").keys() == {"cost"}
    return answer
