"""`pacegraph trusted-documents check`: what it prints, and its exit code."""

import json
from pathlib import Path

import pytest

import cli

DATA = Path(__file__).parents[1] / "web" / "data"


@pytest.fixture
def check(monkeypatch, capsys, tmp_path):
    """Runs the command, without settings, on a manifest: its exit code, lines and error."""
    monkeypatch.chdir(tmp_path)

    def run(manifest):
        path = manifest
        if not isinstance(manifest, Path):
            path = tmp_path / "manifest.json"
            path.write_text(json.dumps(manifest))
        code = cli.main(["trusted-documents", "check", str(path)])
        output = capsys.readouterr()
        return code, [line.split()[:3] for line in output.out.splitlines()], output.err

    return run


EXPECTED = {
    "relay": [["23", "query", "RunsPageQuery"], ["1", "query", "ScopesQuery"]],
    "apollo": [["18", "query", "Bests"], ["1", "query", "Scopes"], ["12", "mutation", "Sync"]],
    "codegen": [["1", "query", "Scopes"], ["18", "query", "Bests"]],
}


@pytest.mark.parametrize("tool", EXPECTED)
def test_each_operation_is_listed_with_its_cost(check, tool):
    assert check(DATA / f"{tool}.json") == (0, EXPECTED[tool], "")


WRONG = {
    "schema": ("{ absent }", "Cannot query field 'absent' on type 'Query'."),
    "no operation": ("fragment F on Query { __typename }", "'bad'"),
    "too dear": (
        "{ activities(first: 1000) { nodes { athlete { activities(first: 10) { nodes { id } } } } } }",
        "costs",
    ),
}


@pytest.mark.parametrize(("text", "expected"), WRONG.values(), ids=WRONG)
def test_the_first_that_would_be_refused_is_named(check, text, expected):
    code, lines, error = check(
        {"good": "{ viewer { scopes } }", "bad": text, "worse": "{ absent }"}
    )
    assert (code, lines) == (1, [["1", "query", "(without"]])
    assert "the document 'bad': " in error
    assert expected in error
    assert error.count("\n") == 1


def test_a_manifest_that_cannot_be_used_is_a_wrong_argument(check, tmp_path):
    absent = tmp_path / "absent.json"
    code, _, error = check(absent)
    assert code == 2
    assert f"MANIFEST: {absent}: cannot be read (No such file or directory). Name" in error
    code, _, error = check({})
    assert (code, "TRUSTED" in error) == (2, False)
    assert error.startswith(f"pacegraph: MANIFEST: {tmp_path / 'manifest.json'}: has no documents")
