"""Every test has exactly one kind, and unit tests reach nothing outside: whoever tries, fails."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.kinds import KINDS, ROOT, kind_of

TELL = """
import json, os, pathlib, pytest

@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items):
    from tests.kinds import KINDS
    kinds = {item.nodeid: [mark.name for mark in item.iter_markers() if mark.name in KINDS] for item in items}
    pathlib.Path(os.environ["KINDS_TO"]).write_text(json.dumps(kinds))
"""
REACH_OUT = {
    "a-socket": "import socket; socket.create_connection(('127.0.0.1', 9), timeout=1)",
    "a-listener": "import socket; socket.create_server(('127.0.0.1', 0))",
    "a-process": "import subprocess; subprocess.run(['true'])",
    "a-shell": "import os; os.system('true')",
    "a-fork": "import os; os.fork() or os._exit(0)",
    "asyncio": "import asyncio; asyncio.run(asyncio.open_connection('127.0.0.1', 9))",
    "redis": "from redis import Redis; Redis.from_url('redis://127.0.0.1:9').ping()",
    "libpq": "import psycopg; psycopg.connect('postgresql://127.0.0.1:9/none')",
    "multiprocessing": "import multiprocessing; multiprocessing.Process(target=print).start()",
}


def run_pytest(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}", **variables}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def run_test(folder: Path, body: str, marker: str = "") -> str:
    """Run one test that is not in this checkout, hence of no folder's kind; gives what pytest says."""
    (folder / "test_one.py").write_text(f"import pytest\n\n{marker}\ndef test_one():\n    {body}\n")
    run = run_pytest(folder, "-p", "tests.kinds", f"--rootdir={folder}", str(folder / "test_one.py"))
    return run.stdout + run.stderr


def test_every_test_has_exactly_one_kind(tmp_path):
    (tmp_path / "tell_kinds.py").write_text(TELL)
    told = tmp_path / "kinds.json"
    run = run_pytest(tmp_path, "--collect-only", "-m", "", "-p", "tell_kinds", "-n0", KINDS_TO=str(told))
    assert run.returncode == 0, run.stdout
    kinds = json.loads(told.read_text())
    assert {test: kind for test, kind in kinds.items() if len(kind) != 1} == {}
    found = [kind for [kind] in kinds.values()]
    assert {kind: found.count(kind) > 0 for kind in KINDS} == dict.fromkeys(KINDS, True)
    assert f"{found.count('unit')} unit" in run.stdout


@pytest.mark.parametrize(
    ("path", "fixtures", "kind"),
    [
        ("tests/athletics/test_distance.py", set(), "unit"),
        ("tests/graph/test_id.py", {"api", "postgres_url", "services_home"}, "integration"),
        ("tests/local/test_postgres.py", set(), "integration"),
        ("tests/load/test_pool.py", {"postgres_url"}, "load"),
        ("tests/legacy/imports/test_names.py", set(), "migration"),
    ],
)
def test_the_kind_is_said_by_file_and_fixtures(path, fixtures, kind):
    assert kind_of(path, fixtures) == kind


@pytest.mark.parametrize("body", REACH_OUT.values(), ids=REACH_OUT)
def test_a_unit_test_that_reaches_out_fails(tmp_path, body):
    said = run_test(tmp_path, body)
    assert "1 failed" in said
    assert "a unit test opens no socket and starts no process" in said


def test_a_unit_test_that_swallows_the_refusal_fails_too(tmp_path):
    swallowed = "import contextlib, socket\n    with contextlib.suppress(BaseException):\n        "
    said = run_test(tmp_path, f"{swallowed}socket.create_connection(('127.0.0.1', 9), timeout=1)")
    assert "1 failed" in said
    assert "ReachedOut" in said


def test_a_unit_test_that_stays_inside_passes(tmp_path):
    """An event loop has sockets of its own."""
    assert "1 passed" in run_test(tmp_path, "import asyncio; asyncio.run(asyncio.sleep(0))")


@pytest.mark.parametrize("kind", KINDS)
def test_no_kind_is_set_by_hand(tmp_path, kind):
    assert "by hand" in run_test(tmp_path, "pass", marker=f"@pytest.mark.{kind}")
