"""The rules of the layout, over the syntax tree.

Imports, where SQL and commits are, names, docstrings, sizes (`-s` prints them).
"""

import ast
import tomllib
from collections import defaultdict
from functools import cache
from pathlib import Path
from statistics import median

import pytest
from setuptools import PackageFinder

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
PACKAGES = set(PackageFinder.find(str(ROOT), include=PROJECT["packages"]["find"]["include"]))
TOPS = {*(name.split(".")[0] for name in PACKAGES), *PROJECT["py-modules"]}

MAY_IMPORT = {
    "settings": set(),
    "runtime": {"settings"},
    "athletics": set(),
    "recordings": set(),
    "logs": {"settings"},
    "flags": {"settings", "runtime", "logs"},
    "db": {"settings", "runtime", "athletics"},
    "strava": {"settings", "runtime", "athletics", "db", "logs"},
    "strava_simulator": {"runtime", "athletics", "db", "strava"},
    "jobs": {"settings", "runtime", "athletics", "recordings", "flags", "db", "strava", "logs"},
    "graph": {"settings", "runtime", "athletics", "flags", "db", "logs"},
    "web": {"settings", "runtime", "athletics", "flags", "db", "strava", "jobs", "graph", "logs"},
    "operator_commands": TOPS
    - {"athletics", "flags", "strava_simulator", "operator_commands", "local", "legacy", "cli"},
    "local": TOPS - {"cli", "legacy"},
    "legacy": TOPS - {"cli", "local"},
    "cli": TOPS,
}
"""What a package or module may import of ours, besides itself. Nothing may import cli; local only
cli.
"""

CIRCLE = {
    f"graph.types.{name}"
    for name in (
        "activity",
        "athlete",
        "best_effort",
        "gear",
        "import_entry",
        "job",
        "personal_best",
        "race_prediction",
        "sync_problem",
    )
}
"""The only modules that may import each other: GraphQL types that refer to each other, lazily."""

NOUNS = {
    "Activity",
    "ActivityStreams",
    "AgeGrade",
    "ApiToken",
    "Athlete",
    "BestEffort",
    "DeletedActivity",
    "Export",
    "Feedback",
    "Gear",
    "HeartRateZone",
    "ImportEntry",
    "Job",
    "JobProblem",
    "Original",
    "PersonalBest",
    "Split",
    "StravaConnection",
    "StravaQuota",
    "SyncProblem",
    "Viewer",
}
"""Class names that are defined more than once: the same noun in each layer, once in each."""
LAYERS = ("athletics/", "db/", "graph/types/", "legacy/rest/")

OUTSIDE = {"athletics": {"numpy"}, "settings": {"pydantic", "pydantic_settings"}}
"""What the innermost may import besides the standard library."""

READS_ENVIRONMENT = {
    "settings/environment.py": "the one place for it",
}
CONNECTS = {
    "db/session.py": "the one place for it",
    "alembic/env.py": "migrations commit for themselves",
}
BUILDS_SQL = {
    "db/session.py": "pings the server",
    "operator_commands/checks/postgres.py": "asks the server for its version, before anything of ours is known to be there",
}
# The adoption of an old database is a migration, of tables whose form is not known beforehand; it
# goes with legacy/.
STATEMENTS = ("db/statements/", "db/models/", "legacy/adoption/")
LONG_FILES: dict[str, str] = {}
LONG_FUNCTIONS: dict[str, str] = {}
BAD_NAMES = {"utils", "util", "helpers", "helper", "common", "misc", "types", "tools"}
SQL = {"select", "insert", "update", "delete", "text"}


@cache
def sources() -> dict[str, ast.Module]:
    """Syntax trees of all that is shipped, by path."""
    paths = [ROOT / f"{name}.py" for name in PROJECT["py-modules"]]
    for top in sorted(TOPS - set(PROJECT["py-modules"])):
        paths += sorted((ROOT / top).rglob("*.py"))
    return {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text()) for path in paths}


def top_of(path: str) -> str:
    return path.split("/", maxsplit=1)[0].removesuffix(".py")


def imports(tree: ast.Module):
    """Full names of what a module imports, wherever it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(name: str, allowed: set[str]) -> bool:
    return any(name == each or name.startswith(f"{each}.") for each in allowed)


def imported_modules() -> dict[str, set[str]]:
    """What each module imports, wherever it does."""
    modules = {
        path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): tree
        for path, tree in sources().items()
    }
    return {
        module: {name if name in modules else name.rpartition(".")[0] for name in imports(tree)}
        for module, tree in modules.items()
    }


@pytest.mark.parametrize("top", sorted(TOPS))
def test_imports_point_one_way(top):
    allowed = MAY_IMPORT[top] | {top}
    wrong = [
        f"{path}: {name}"
        for path, tree in sources().items()
        if top_of(path) == top
        for name in imports(tree)
        if name.split(".")[0] in TOPS and not is_within(name, allowed)
    ]
    assert wrong == []


def test_no_modules_import_each_other():
    """Imports in functions and for type checkers count."""
    left = imported_modules()
    # what imports nothing that is left, or is imported by nothing that is left, is on no circle
    while done := {
        module
        for module, imported in left.items()
        if not imported & left.keys() or not any(module in each for each in left.values())
    }:
        left = {module: imported for module, imported in left.items() if module not in done}
    assert left.keys() == CIRCLE


@pytest.mark.parametrize("top", sorted(OUTSIDE))
def test_the_innermost_needs_hardly_anything(top):
    from sys import stdlib_module_names

    allowed = OUTSIDE[top] | {top} | MAY_IMPORT[top] | stdlib_module_names
    wrong = [
        f"{path}: {name}"
        for path, tree in sources().items()
        if top_of(path) == top
        for name in imports(tree)
        if name.split(".")[0] not in allowed
    ]
    assert wrong == []


def test_every_package_is_shipped():
    packages = {path.parent for path in map(Path, sources()) if path.parent.name}
    found = {Path(name.replace(".", "/")) for name in PACKAGES}
    # Shipped as they are, for a folder of sys.path of their own.
    assert {path for path in packages - found if not path.is_relative_to("legacy/imports")} == set()
    assert PROJECT["packages"]["find"]["namespaces"] is False
    assert not any(
        name.split(".")[0] == "alembic" or name.startswith("legacy.imports") for name in PACKAGES
    )


def test_no_code_at_the_top_is_left_out():
    """A new package or module must be named in pyproject.toml, and here."""
    outside = {"tests", "bench", "alembic", "deploy"}
    found = {path.stem for path in ROOT.glob("*.py")}
    found |= {
        path.parent.name for path in ROOT.glob("*/*.py") if not path.parent.name.startswith(".")
    }
    assert found - outside == TOPS
    assert set(MAY_IMPORT) >= TOPS


def test_sql_is_built_in_statements_only():
    wrong = [
        f"{path}: {name}"
        for path, tree in sources().items()
        if path not in BUILDS_SQL and not path.startswith(STATEMENTS)
        for name in imports(tree)
        if name.startswith("sqlalchemy") and name.split(".")[-1] in SQL
    ]
    assert wrong == []


def calls(tree: ast.Module, name: str):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
            if called == name:
                yield node.lineno


def test_only_the_session_commits():
    wrong = [
        path
        for path, tree in sources().items()
        if path not in CONNECTS and any(calls(tree, "commit"))
    ]
    assert wrong == []


@pytest.mark.parametrize("name", ["create_engine", "create_async_engine", "sessionmaker"])
def test_only_the_session_connects(name):
    assert [
        path for path, tree in sources().items() if path not in CONNECTS and any(calls(tree, name))
    ] == []


def test_only_one_place_makes_redis_clients():
    makers = {"from_url", "Redis", "AsyncRedis", "StrictRedis", "ConnectionPool", "RedisCluster"}
    assert [
        path
        for path, tree in sources().items()
        if path != "runtime/redis_clients.py"
        and any(name.split(".")[0] == "redis" for name in imports(tree))
        and any(True for name in makers for _ in calls(tree, name))
    ] == []


def test_statements_execute_nothing():
    trees = {path: tree for path, tree in sources().items() if path.startswith("db/statements/")}
    assert [path for path, tree in trees.items() if any(calls(tree, "execute"))] == []


def test_related_rows_are_not_mapped():
    assert [path for path, tree in sources().items() if any(calls(tree, "relationship"))] == []


def test_the_environment_is_read_in_one_place():
    names = {"os.environ", "os.getenv", "os.environb", "os.putenv"}
    wrong = []
    for path, tree in sources().items():
        used = {ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        if path not in READS_ENVIRONMENT and (used & names or set(imports(tree)) & names):
            wrong.append(path)
    assert wrong == []


def test_no_module_is_a_drawer():
    stems = {part for path in sources() for part in Path(path).with_suffix("").parts}
    # graph/types/ holds the schema's types; DESIGN.md names it so.
    assert stems & BAD_NAMES == {"types"}
    assert [path for path in sources() if path.endswith("/types.py") or path == "types.py"] == []


def test_only_packages_that_export_have_an_all():
    """`__all__` stands in the `__init__` of packages that re-export names, nowhere else."""
    wrong = []
    for path, tree in sources().items():
        targets = {
            target.id
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        if "__all__" in targets and not path.endswith("/__init__.py"):
            wrong.append(path)
    assert wrong == []


def test_docstrings_begin_with_a_sentence_on_their_first_line():
    """A reader who sees only the first line has a whole sentence."""
    wrong = [
        f"{path}:{node.body[0].lineno}"
        for path, tree in sources().items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if (text := ast.get_docstring(node, clean=False)) is not None
        if not text.splitlines()[0].endswith((".", "?"))
    ]
    assert wrong == []


def test_migrations_stand_in_one_line():
    """Two that were written beside each other take different numbers before they meet."""
    paths = sorted((ROOT / "alembic/versions").glob("0*.py"))
    numbers = [path.name.split("_")[0] for path in paths]
    for before, number, path in zip([None, *numbers], numbers, paths, strict=False):
        stated = {
            ast.unparse(node.targets[0]): ast.unparse(node.value)
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.Assign) and "revision" in ast.unparse(node.targets[0])
        }
        line = {"revision": repr(number), "down_revision": repr(before)}
        assert stated == line, path.name


def test_loggers_have_one_name():
    wrong = [
        f"{path}: {ast.unparse(node.targets[0])}"
        for path, tree in sources().items()
        for node in tree.body
        if isinstance(node, ast.Assign)
        and ast.unparse(node.value) == "logging.getLogger(__name__)"
        and ast.unparse(node.targets[0]) != "logger"
    ]
    assert wrong == []


def test_one_class_name_has_one_meaning():
    """Leading underscores do not tell names apart."""
    places = defaultdict(list)
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                places[node.name.lstrip("_")].append(path)
    repeated = {name: paths for name, paths in places.items() if len(paths) > 1}
    assert repeated.keys() <= NOUNS  # fewer once legacy/ is deleted
    for name, paths in repeated.items():
        layers = [layer for path in paths for layer in LAYERS if path.startswith(layer)]
        assert len(set(layers)) == len(layers) == len(paths), (name, paths)


def functions():
    for path, tree in sources().items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{path}:{node.name}", node.end_lineno - node.lineno + 1


def test_files_are_short():
    lengths = {path: len((ROOT / path).read_text().splitlines()) for path in sources()}
    print(f"files: median {median(lengths.values()):g} lines, longest {max(lengths.values())}")  # noqa: T201
    assert {path for path, length in lengths.items() if length > 400} == set(LONG_FILES)
    assert median(lengths.values()) <= 120


def test_functions_are_short():
    lengths = dict(functions())
    print(f"functions: median {median(lengths.values()):g} lines, longest {max(lengths.values())}")  # noqa: T201
    assert {name for name, length in lengths.items() if length > 60} == set(LONG_FUNCTIONS)
    assert median(lengths.values()) <= 10


def test_nothing_is_made_when_a_module_is_imported():
    """Engines, clients and settings are made by the composition roots."""
    makers = {
        "load_settings",
        "AsyncDatabase",
        "SyncDatabase",
        "create_app",
        "StravaClient",
        "from_url",
    }
    wrong = []
    for path, tree in sources().items():
        for statement in tree.body:
            if isinstance(statement, ast.Assign | ast.AnnAssign | ast.Expr) and statement.value:
                called = {
                    each for name in makers for each in calls(ast.Module([statement], []), name)
                }
                wrong += [f"{path}:{line}" for line in called]
    assert wrong == []
