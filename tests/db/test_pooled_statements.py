"""Nothing that API and jobs run belongs to a session: behind a pooler the next transaction has another one."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = ("db", "graph", "jobs", "logs", "recordings", "runtime", "strava", "web")
OF_A_SESSION = re.compile(
    r"\bpg_(?:try_)?advisory_(?:lock|unlock)|^\s*(?:UN)?LISTEN\b|\bTEMP(?:ORARY)? TABLE|\bpg_temp\b"
    r"|^\s*DECLARE \w+ .*CURSOR|^\s*PREPARE\b|^\s*SET (?:SESSION )?[a-z_.]+ (?:=|TO)|\bset_config\([^)]*false\)"
)
AGREED = {"SET timezone = 'UTC'"}
"""What PgBouncer keeps for each client."""


def found_in(source: str) -> set[str]:
    constants = [
        each.value
        for each in ast.walk(ast.parse(source))
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]
    docs = {
        ast.get_docstring(each, clean=False)
        for each in ast.walk(ast.parse(source))
        if isinstance(each, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    }
    return {each for each in constants if each not in docs and OF_A_SESSION.search(each)}


def test_no_statement_belongs_to_a_session():
    sources = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    assert len(sources) > 300
    found = {each for path in sources for each in found_in(path.read_text())}
    assert found == AGREED


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT pg_advisory_lock(1)", "LISTEN jobs", "CREATE TEMP TABLE t ()", "SET jit = off",
        "DECLARE c NO SCROLL CURSOR FOR SELECT 1", "SELECT set_config('a.b', 'x', false)",
        "PREPARE p AS SELECT 1",
    ],
)  # fmt: skip
def test_such_statements_are_found(statement):
    assert found_in(f"run({statement!r})") == {statement}
    assert found_in(f'"""{statement}"""') == set()


@pytest.mark.parametrize("statement", ["SET LOCAL jit = off", "SELECT pg_advisory_xact_lock(1)"])
def test_those_of_a_transaction_are_not(statement):
    assert found_in(f"run({statement!r})") == set()
