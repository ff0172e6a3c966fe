"""Documents show the code that runs, and all of it."""

import re

import pytest

from tests.snippets import ROOT, NoRegion, named, pasted, region

PAGES = sorted((ROOT / "docs").rglob("*.md"))
KIT = ROOT / "tests" / "clients" / "kit"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_snippets_are_the_code_that_runs(path):
    assert pasted(path.read_text()) == path.read_text(), "write them anew: make snippets"


def test_each_region_is_shown():
    shown = set().union(*(named(path.read_text()) for path in PAGES))
    written = {
        (file.relative_to(ROOT).as_posix(), name)
        for file in [*KIT.glob("*.ts"), *(KIT / "relay").glob("*.ts")]
        for name in re.findall(r"^// #region ([\w-]+)$", file.read_text(), re.MULTILINE)
    }
    assert written
    assert written - shown == set()


def test_a_changed_snippet_is_found():
    page = "<!-- tests/clients/kit/socket.ts#socket -->\n```ts\nold\n```\n"
    assert "createClient" in pasted(page)
    assert "#region" not in pasted(page)


def test_a_region_that_is_not_there_is_an_error():
    with pytest.raises(NoRegion):
        region("tests/clients/kit/socket.ts", "other")
