"""The end of the migration: `legacy/` and `tests/legacy/` are deleted, and nothing else is edited."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import psycopg
import pytest

from tests.legacy.installation import pacegraph, serving

pytestmark = pytest.mark.whole

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(
    ".*", "__pycache__", "node_modules", "legacy", "*.egg-info", "build", "bench"
)


@pytest.fixture(scope="module")
def tree(tmp_path_factory) -> Path:
    """A copy of all but `legacy`."""
    tree = Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("without") / "tree", ignore=LEFT_OUT))
    shutil.copy(ROOT / ".env.example", tree)
    assert not (tree / "legacy").exists()
    assert not (tree / "tests" / "legacy").exists()
    return tree


@pytest.fixture(scope="module")
def installed(tree, tmp_path_factory) -> Path:
    """The folder that a wheel of that copy is unpacked to."""
    return install(tree, tmp_path_factory.mktemp("wheel"))


def install(tree: Path, folder: Path) -> Path:
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-index",
    ]
    # The wheel is built from a copy: setuptools leaves its own folders behind.
    source = shutil.copytree(
        tree, folder / "source", ignore=LEFT_OUT if not (tree / "legacy").exists() else None
    )
    target = folder / "site-packages"
    command = [*pip, "--no-deps", "--no-build-isolation", "--target", str(target), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


@pytest.mark.parametrize("kind", ["tree", "installed"])
def test_commands_answer(request, kind):
    where = request.getfixturevalue(kind)
    help_text = pacegraph(where, "--help")
    assert help_text.returncode == 0, help_text.stderr
    assert "serve the API" in help_text.stdout
    assert not re.search("migrate-imports|legacy", help_text.stdout)
    schema = pacegraph(where, "schema")
    assert schema.stdout == (ROOT / "schema.graphql").read_text(), schema.stderr
    assert pacegraph(where, "migrate-imports", ".").returncode == 2


@pytest.mark.parametrize("kind", ["tree", "installed"])
def test_the_api_answers(request, kind, environment):
    where = request.getfixturevalue(kind)
    with serving(where, **environment) as http:
        answer = http.post("/graphql", json={"query": "{ viewer { __typename } }"}).json()
        assert answer["data"] == {"viewer": None}
        assert http.get("/readyz").status_code == 200
        assert "pacegraph_legacy" not in http.get("/metrics").text
        assert http.get("/v1/athletes").status_code == 404


def test_migrations_run(tree, postgres_url):
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE without_legacy")
        done = pacegraph(
            tree, "migrate", DATABASE_URL=postgres_url.replace("@/postgres", "@/without_legacy")
        )
        connection.execute("DROP DATABASE without_legacy WITH (FORCE)")
    assert done.returncode == 0, done.stderr


def test_lint_finds_what_it_is_told_to_look_at(tree):
    """Folders are named to mypy and Make by what is there."""
    patterns = tomllib.loads((tree / "pyproject.toml").read_text())["tool"]["mypy"]["files"]
    assert patterns
    for pattern in patterns:
        assert list(tree.glob(pattern)), pattern
        assert list(ROOT.glob(pattern)), pattern
    assert any(path.name == "legacy" for pattern in patterns for path in ROOT.glob(pattern))


def test_the_rules_of_the_layout_hold_without_it(tree):
    ended = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-n",
            "0",
            "-p",
            "no:cacheprovider",
            "tests/test_architecture.py",
        ],
        cwd=tree,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout


def test_a_wheel_with_it_has_the_old_names(tmp_path):
    leave = shutil.ignore_patterns(
        ".*", "__pycache__", "node_modules", "*.egg-info", "build", "bench", "tests"
    )
    installed = install(Path(shutil.copytree(ROOT, tmp_path / "tree", ignore=leave)), tmp_path)
    printed = pacegraph(installed, "legacy-path").stdout.strip()
    assert Path(printed) == installed / "legacy" / "imports"
    assert (Path(printed) / "core" / "database.py").exists()
    tops = {path.name.removesuffix(".py") for path in installed.iterdir()}
    assert not tops & {"alembic", "database", "core", "imports", "tests"}
    code = (
        f"import sys; sys.path[:0] = [{str(installed)!r}]; sys.path += {sys.path!r} + [{printed!r}];"
        "import database; print(database.get_db.__module__)"
    )
    ended = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout == "db.session\n", ended.stderr
