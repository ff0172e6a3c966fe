import json
from pathlib import Path

import pytest

RUNS = Path(__file__).parents[2] / "local" / "demo_runs.ndjson"


@pytest.fixture(scope="session")
def real_runs():
    """48 recordings as they came off a watch: `activity` and `streams` each."""
    return [json.loads(line) for line in RUNS.read_text().splitlines()]
