"""GraphiQL as a visitor finds it, in Chromium, against everything that `make run` starts."""

import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.browser

FOLDER = Path(__file__).parent


def test_graphiql(run_json: dict) -> None:
    subprocess.run([FOLDER / "install.sh"], check=True)
    script = ["node", FOLDER / "graphiql.mjs", run_json["url"], run_json["tokens"]["athlete"]]
    result = subprocess.run(script, check=False, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
