"""The drill of docs/rollback.md: its commands, as they stand, on a server that is read from all the
while.

The server is `pacegraph run` on a copy of the older service's database.
"""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

from local.home import running_facts
from local.postgres import start_postgres
from tests.legacy.drill.readers import reading

ROOT = Path(__file__).resolve().parents[2]
DUMP = ROOT / "tests/legacy/adoption/old_database.sql"
DOCUMENT = (ROOT / "docs/rollback.md").read_text()
STEPS = [
    (title, re.findall(r"```(\w+)\n(.*?)```", body, re.DOTALL))
    for title, body in re.findall(
        r"^## (\d+\..*?)\n(.*?)(?=^## |\Z)", DOCUMENT, re.MULTILINE | re.DOTALL
    )
]
MOST_SECONDS = 120
"""A step that takes longer hangs."""


@dataclass(frozen=True)
class Running:
    environment: dict[str, str]
    facts: dict[str, object]


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    # Not under pytest's own folder, whose permissions keep PostgreSQL's user out.
    home = Path(tempfile.mkdtemp(prefix="pacegraph-drill-"))
    _restore_old_database(home)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {**os.environ, "PACEGRAPH_HOME": str(home), "PORT": str(port)}
    command = [sys.executable, "-m", "cli", "run"]
    process = subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 90
    while (facts := running_facts(home)) is None:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    yield Running(environment, facts)
    process.terminate()
    assert process.wait(20) == 0
    shutil.rmtree(home)


def _restore_old_database(home: Path) -> None:
    service = start_postgres(home, durable=False)
    with psycopg.connect(service.url) as connection:
        connection.execute(DUMP.read_bytes())
    service.stop()


@pytest.mark.drill
def test_every_step_of_the_drill(running):
    preparation = STEPS[0][1][0][1]
    kept, failed = preparation, []
    facts = running.facts
    with reading(facts["url"], facts["tokens"]["athlete"], facts["athlete_id"]) as seen:
        for title, blocks in STEPS[1:]:
            began = time.monotonic()
            for number in range(0, len(blocks), 2):
                (kind, command), (_, expected) = blocks[number], blocks[number + 1]
                assert kind == "sh"
                printed = _run(kept + command, running.environment)
                if not re.fullmatch(_pattern(expected), printed.strip()):
                    failed.append(f"{title}\n--- printed\n{printed}\n--- expected\n{expected}")
                # later steps use them
                kept += "".join(re.findall(r"^\w+\(\) \{.*\}\n", command, re.MULTILINE))
            sys.stdout.write(
                f"\n{title}: {time.monotonic() - began:.1f} s; {seen.requests} reads so far"
            )
    sys.stdout.write(
        f"\n{seen.requests} reads, {dict(seen.failures)} failed, slowest {seen.slowest_s:.2f} s\n"
    )
    assert not failed, "\n\n".join(failed)
    assert seen.failures == {}
    assert seen.requests > 200


def _run(script: str, environment: dict[str, str]) -> str:
    command = ["bash", "-uc", script]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=MOST_SECONDS,
        check=False,
    )
    return done.stdout + (
        f"\n(exit code {done.returncode})\n{done.stderr[-2000:]}" if done.returncode else ""
    )


def _pattern(expected: str) -> str:
    """What is expected as a pattern: … is anything on a line, spaces are however many."""
    lines = [
        r"\s+".join(map(re.escape, line.split())).replace("…", ".*")
        for line in expected.strip().splitlines()
    ]
    return "\n".join(lines)


def test_the_document_has_its_steps():
    assert [int(title.split(".")[0]) for title, _ in STEPS] == list(range(11))
    assert all(len(blocks) % 2 == 0 for _, blocks in STEPS[1:])
