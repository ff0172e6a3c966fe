"""A simulated Strava with few runs: each run of a sync takes 0.1 s of CPU.

A module of tests that need no long history imports the fixture, which takes the place of the one in
`conftest.py`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from local.simulated_strava import DEMO_RUNS
from tests.jobs.simulated import Simulated, simulated_strava

RUNS = 8


@pytest.fixture
def strava(tmp_path: Path) -> Iterator[Simulated]:
    lines = DEMO_RUNS.read_text(encoding="utf-8").splitlines(keepends=True)
    path = tmp_path / "few_runs.ndjson"
    path.write_text("".join(lines[:RUNS]), encoding="utf-8")
    with simulated_strava(runs=path) as simulated:
        yield simulated
