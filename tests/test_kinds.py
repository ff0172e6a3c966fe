"""Every test has exactly one kind, and unit tests reach nothing outside: whoever tries, fails."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.kinds import KINDS, OF_ALL_TESTS, ROOT, kind_of

TELL = """
import json, os, pathlib

def pytest_collection_finish(session):
    from tests.kinds import OF_ALL_TESTS
    pathlib.Path(os.environ["KINDS_TO"]).write_text(json.dumps(session.config.stash[OF_ALL_TESTS]))
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
    return subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


OF_NO_MODULE = {
    "tests/db/test_pooled_statements.py": "what may stand in statements behind a pooler",
    "tests/flags/test_document.py": "docs/flags.md",
    "tests/graph/plan/test_kept_bytes.py": "estimates of bytes in documents and plans",
    "tests/graph/test_contract.py": "the schema that clients were promised",
    "tests/graph/test_schema_file.py": "schema.graphql",
    "tests/jobs/imports/test_same_run.py": "one run in each format",
    "tests/site/test_drawings.py": "the site of the documentation",
    "tests/site/test_links.py": "the site of the documentation",
    "tests/site/test_operations.py": "operations in docs",
    "tests/site/test_reference.py": "the site of the documentation",
    "tests/web/protocols/test_http_edition_rules.py": "rules of GraphQL over HTTP, and their cases",
    "tests/strava/shared_quota/test_simulation.py": "the quota's law, in simulated time",
    "tests/strava/shared_quota/test_ledger_versions.py": "texts of the ledger of other versions",
    "tests/test_architecture.py": "rules of the whole tree",
    "tests/test_architecture_page.py": "docs/architecture.md and docs/decisions",
    "tests/test_bounds_page.py": "docs/protection.md and docs/operations.md",
    "tests/test_commit_subjects.py": "the check of `make words`",
    "tests/test_errors_page.py": "docs/errors.md",
    "tests/test_snippets.py": "docs: their snippets",
    "tests/test_release.py": "CHANGELOG.md and docs/compatibility.md",
    "tests/test_schema_changes.py": "the check of `make schema-check`",
    "tests/graph/test_schema_use.py": "what an operation uses, by `graph/coordinates.py`",
    "tests/test_numpy_imports.py": "which processes import numpy",
    "tests/test_words.py": "the check of `make words`",
}
"""Files of unit tests that test no module, and what they test."""
SWALLOWED = (
    "import contextlib, socket\n    with contextlib.suppress(BaseException):\n        "
    "socket.create_connection(('127.0.0.1', 9), timeout=1)"
)
IN_A_THREAD = (
    "import threading; from contextlib import suppress; from socket import create_connection\n"
    "    def reach():\n        with suppress(BaseException):\n"
    "            create_connection(('127.0.0.1', 9), timeout=1)\n"
    "    thread = threading.Thread(target=reach); thread.start(); thread.join()"
)
BESIDE = """
import threading
from contextlib import suppress
from socket import create_connection

reached = threading.Event()

def reach():
    while True:
        with suppress(ConnectionRefusedError):
            create_connection(("127.0.0.1", 9), timeout=1)
        reached.set()

threading.Thread(target=reach, daemon=True).start()

def test_beside():
    reached.clear()
    assert reached.wait(5)
"""
"""A thread that ran before the test goes on connecting, as a server of a fixture does."""
INSIDE = "import asyncio; asyncio.run(asyncio.sleep(0))"
"""An event loop has sockets of its own."""


def run_tests(folder: Path, source: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run tests that are not in this checkout, hence of no folder's kind."""
    (folder / "test_some.py").write_text(f"import pytest\n\n{source}")
    ours = ("-p", "tests.kinds", f"--rootdir={folder}", str(folder / "test_some.py"))
    return run_pytest(folder, *ours, *arguments)


@pytest.fixture(scope="module")
def failures(tmp_path_factory) -> dict[str, str]:
    """How each body fails as a unit test, empty where it passes; all run in one process."""
    folder = tmp_path_factory.mktemp("kinds")
    bodies = {**REACH_OUT, "swallowed": SWALLOWED, "thread": IN_A_THREAD, "inside": INSIDE}
    source = "\n\n".join(
        f"def test_{name.replace('-', '_')}():\n    {body}\n" for name, body in bodies.items()
    )
    report = folder / "report.xml"
    run = run_tests(folder, source, f"--junitxml={report}")
    cases = {case.get("name"): case for case in ET.parse(report).iter("testcase")}
    assert len(cases) == len(bodies), run.stdout
    assert f"tests by kind: {len(bodies)} unit, 0 integration" in run.stdout
    return {
        name: "".join(part.text or "" for part in cases[f"test_{name.replace('-', '_')}"])
        for name in bodies
    }


@pytest.fixture(scope="module")
def collected(request, tmp_path_factory) -> dict[str, list[str]]:
    """The kinds of every test of the checkout, by its id. To collect them again takes 8 s."""
    if found := request.config.stash.get(OF_ALL_TESTS, None):
        return found
    folder = tmp_path_factory.mktemp("collected")
    (folder / "tell_kinds.py").write_text(TELL)
    told = folder / "kinds.json"
    run = run_pytest(
        folder, "--collect-only", "-m", "", "-p", "tell_kinds", "-n0", KINDS_TO=str(told)
    )
    assert run.returncode == 0, run.stdout
    return json.loads(told.read_text())


def test_every_test_has_exactly_one_kind(collected):
    assert {test: kind for test, kind in collected.items() if len(kind) != 1} == {}
    found = [kind for [kind] in collected.values()]
    assert {kind: found.count(kind) > 0 for kind in KINDS} == dict.fromkeys(KINDS, True)


def test_unit_tests_mirror_the_source(collected):
    """The file of unit tests of a/b/c.py, or of a package a/b/c, is tests/a/b/test_c.py; that of a
    top package a is tests/a/test_a.py.
    """
    kinds_by_file: dict[str, set[str]] = {}
    for test, [kind] in collected.items():
        kinds_by_file.setdefault(test.split("::")[0], set()).add(kind)
    unit = {path for path, kinds in kinds_by_file.items() if kinds == {"unit"}}
    assert {path for path in unit if not has_module(path)} == set(OF_NO_MODULE)


def has_module(test: str) -> bool:
    path = Path(test).relative_to("tests")
    source = path.with_name(path.name.removeprefix("test_"))
    return (
        (ROOT / source).is_file()
        or (ROOT / source.with_suffix("") / "__init__.py").is_file()
        or (len(path.parts) == 2 and source.stem == source.parent.name)
    )


@pytest.mark.parametrize(
    ("path", "fixtures", "kind"),
    [
        ("tests/athletics/test_distance.py", set(), "unit"),
        ("tests/graph/test_global_id.py", {"api", "postgres_url", "services_home"}, "integration"),
        ("tests/local/test_postgres.py", set(), "integration"),
        ("tests/load/test_pool.py", {"postgres_url"}, "load"),
        ("tests/legacy/imports/test_names.py", set(), "migration"),
    ],
)
def test_the_kind_is_said_by_file_and_fixtures(path, fixtures, kind):
    assert kind_of(path, fixtures) == kind


@pytest.mark.parametrize("name", REACH_OUT)
def test_a_unit_test_that_reaches_out_fails(failures, name):
    assert "a unit test opens no socket and starts no process" in failures[name]


@pytest.mark.parametrize("name", ["swallowed", "thread"])
def test_a_unit_test_that_swallows_the_refusal_fails_too(failures, name):
    assert "ReachedOut" in failures[name]


def test_what_others_do_beside_a_unit_test_is_not_its(tmp_path):
    run = run_tests(tmp_path, BESIDE)
    assert "1 passed" in run.stdout


def test_a_unit_test_that_stays_inside_passes(failures):
    assert failures["inside"] == ""


def test_no_kind_is_set_by_hand(tmp_path):
    source = "\n\n".join(f"@pytest.mark.{kind}\ndef test_{kind}():\n    pass\n" for kind in KINDS)
    run = run_tests(tmp_path, source)
    said = run.stdout + run.stderr
    assert "by hand" in said
    for kind in KINDS:
        assert f"test_{kind} is marked {kind}" in said
