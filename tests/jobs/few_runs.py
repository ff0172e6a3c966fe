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


def first_runs(number: int, folder: Path) -> Path:
    """Write a file of the first of the 48 demo runs into the folder."""
    lines = DEMO_RUNS.read_text(encoding="utf-8").splitlines(keepends=True)
    path = folder / "few_runs.ndjson"
    path.write_text("".join(lines[:number]), encoding="utf-8")
    return path


@pytest.fixture
def strava(tmp_path: Path) -> Iterator[Simulated]:
    with simulated_strava(runs=first_runs(RUNS, tmp_path)) as simulated:
        yield simulated
