"""A server without the extra: exactly the packages of requirements.lock, so without libcst."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest

from legacy.extra import require_extra
from tests.legacy.installation import pacegraph, serving

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def packages(tmp_path_factory) -> Path:
    """A folder with links to the packages of requirements.lock that this system has."""
    folder = tmp_path_factory.mktemp("server") / "site-packages"
    folder.mkdir()
    lock = (ROOT / "requirements.lock").read_text()
    for name in re.findall(r"(?m)^([\w.-]+)(?:\[.*\])?==", lock):
        try:
            found = distribution(name)
        except PackageNotFoundError:  # of another system or Python
            continue
        for top in {path.parts[0] for path in found.files or () if path.parts[0] != ".."}:
            link = folder / top
            if not link.exists():
                link.symlink_to(found.locate_file(top))
    assert (folder / "fastapi").exists()
    assert not (folder / "libcst").exists()
    return folder


def test_migrate_imports_says_how_to_install_what_it_needs(packages, tmp_path):
    (tmp_path / "a.py").write_text("from database import get_db\n")
    ended = pacegraph(ROOT, "migrate-imports", str(tmp_path), packages=packages)
    assert ended.returncode == 2
    assert ended.stdout == ""
    [line] = ended.stderr.splitlines()
    assert "libcst is not installed" in line
    assert line.endswith("pip install 'pacegraph[legacy]'")


def test_with_the_extra_nothing_is_missing():
    require_extra()


@pytest.mark.whole
def test_the_api_serves_rest_without_it(packages, environment):
    with serving(ROOT, packages=packages, **environment) as http:
        graded = http.get("/v1/age-grade?distance=5k&time=1200&sex=M&age=40")
        assert graded.status_code == 200, graded.text
        assert graded.headers["sunset"]
        assert http.get("/health").status_code == 200
        old = pacegraph(ROOT, "legacy-uses", packages=packages, **environment)
        assert old.returncode == 0, old.stderr


def test_libcst_is_of_the_extra_alone():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["optional-dependencies"]["legacy"] == ["libcst"]
    assert not any(each.startswith("libcst") for each in project["dependencies"])
    assert "\nlibcst==" in (ROOT / "requirements-dev.lock").read_text()
    assert "\nlibcst==" not in (ROOT / "requirements.lock").read_text()
