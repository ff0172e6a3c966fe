"""GraphiQL as a visitor finds it, in Chromium, against everything that `make run` starts."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.conftest import free_port, served_home, server
from tests.test_architecture import ROOT

pytestmark = pytest.mark.browser

FOLDER = Path(__file__).parent


def visit(facts: dict, *more: str) -> None:
    subprocess.run([FOLDER / "install.sh"], check=True)
    tokens = facts["tokens"]
    script = ["node", FOLDER / "graphiql.mjs", facts["url"], tokens["athlete"], tokens["admin"]]
    result = subprocess.run(
        [*script, *more], check=False, capture_output=True, text=True, timeout=300
    )
    sys.stdout.write(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr


def test_graphiql(run_json: dict) -> None:
    visit(run_json)


def test_graphiql_beside_trusted_documents() -> None:
    manifest = str(ROOT / "web" / "example" / "dist" / "trusted-documents.json")
    enforced = {"TRUSTED_DOCUMENTS": "enforce", "TRUSTED_DOCUMENTS_MANIFEST": manifest}
    with served_home() as home, server(home, free_port(), **enforced) as facts:
        visit(facts, "enforced")
