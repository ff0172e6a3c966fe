"""The version, its section in CHANGELOG.md, and the Python names that are promised to stay."""

import importlib
import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
PROMISES = (ROOT / "docs" / "compatibility.md").read_text()
PUBLIC = re.findall(r"`(db\.[a-z_.]+\.[A-Za-z_]+)`", PROMISES)


def test_the_version_is_the_newest_in_the_changelog():
    changelog = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - 20\d\d-\d\d-\d\d$", changelog, re.MULTILINE)
    assert versions[0] == VERSION
    numbers = [tuple(map(int, version.split("."))) for version in versions]
    assert numbers == sorted(numbers, reverse=True)
    assert "## Unreleased" in changelog


@pytest.mark.parametrize("name", PUBLIC)
def test_what_is_promised_is_there(name):
    module, attribute = name.rsplit(".", 1)
    assert hasattr(importlib.import_module(module), attribute)


def test_files_that_are_promised_exist():
    named = set(re.findall(r"`((?:docs/)?[a-z.]+\.(?:md|graphql|example))`", PROMISES))
    assert {name for name in named if not (ROOT / name).exists()} == set()
    assert len(PUBLIC) == 3


def test_lock_files_of_npm_name_no_registry():
    """npm writes the registry's address into a lock file unless `.npmrc` beside it says otherwise."""
    locks = [each for each in ROOT.glob("**/package-lock.json") if "node_modules" not in each.parts]
    assert len(locks) >= 8
    for lock in locks:
        assert '"resolved"' not in lock.read_text(), lock
        told = (lock.parent / ".npmrc").read_text()
        assert "omit-lockfile-registry-resolved=true" in told, lock
