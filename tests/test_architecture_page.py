"""docs/architecture.md and docs/decisions/ say what the tree has, and documents name files that exist."""

import contextlib
import io
import re
from itertools import pairwise

import pytest

from cli import HAS_LEGACY, make_parser
from tests.test_architecture import (
    MAY_IMPORT,
    PACKAGES,
    PROJECT,
    ROOT,
    TOPS,
    imports,
    sources,
    top_of,
)

PAGE = (ROOT / "docs" / "architecture.md").read_text()
WHERE = (ROOT / "docs" / "where-to-change.md").read_text()
DECISIONS = ROOT / "docs" / "decisions"
RECORDS = sorted(path.name for path in DECISIONS.glob("0*.md"))
_ROW = re.compile(r"^\| `([a-z_.]+)` \| (.+) \|$", re.MULTILINE)
_FILE = re.compile(r"(?<![\w/.])([a-z_]+(?:/[a-z0-9_]+)*/[a-z0-9_]+\.(?:py|md))\b")
_CODE = re.compile(r"`([^`]+)`")
_LINK = re.compile(r"\]\(([^)#\s]+)")
_MAKE = re.compile(r"(?:`|^ *)make ([a-z][a-z-]*)", re.MULTILINE)
_ANCHOR = re.compile(r"\]\(([^)#\s]*)#([^)\s]+)\)")
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
FOLDERS = ("docs", "tests", "alembic", "bench")
DOCUMENTS = sorted(
    [
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("*.md"),
        ROOT / "bench" / "README.md",
        ROOT / "examples" / "web" / "README.md",
        ROOT / "tests" / "security" / "README.md",
    ]
)


def test_the_page_names_every_package_once():
    named = [name for name, _ in _ROW.findall(PAGE)]
    # legacy/ may be deleted: then its rows go with it
    there = {name for name in named if not name.startswith("legacy") or name in PACKAGES}
    assert len(named) == len(set(named))
    assert there == PACKAGES | set(PROJECT["py-modules"])


@pytest.mark.parametrize(("name", "sentence"), _ROW.findall(PAGE))
def test_a_package_is_described_in_one_line(name, sentence):
    assert sentence.endswith("."), name
    assert len(sentence) <= 110, name


def test_the_drawing_shows_imports_that_are_allowed():
    drawing = PAGE.split("```mermaid")[1].split("```")[0]
    arrows = set()
    for line in drawing.splitlines()[2:]:
        names = [name.strip() for name in line.split("-->")]
        arrows |= {
            (user, used) for user, used in pairwise(names) if {used, user} <= set(MAY_IMPORT)
        }
    assert arrows
    assert {(user, used) for user, used in arrows if used not in MAY_IMPORT[user]} == set()
    assert {name for arrow in arrows for name in arrow} == set(MAY_IMPORT)
    for user in MAY_IMPORT:
        assert imported_by(user) - reached_from(user, arrows) == set(), user


def reached_from(user: str, arrows: set[tuple[str, str]]) -> set[str]:
    """What the arrows from a package lead to, and the package."""
    found, new = set(), {user}
    while new:
        found |= new
        new = {used for other, used in arrows if other in new} - found
    return found


def imported_by(top: str) -> set[str]:
    names = {
        name.split(".")[0]
        for path, tree in sources().items()
        if top_of(path) == top
        for name in imports(tree)
    }
    return names & TOPS


_SUBJECTS = [
    row
    for row in re.findall(r"^\| (.+) \| (.+) \|$", WHERE, re.MULTILINE)
    if row != ("What you want to change", "File")
]


def test_every_subject_names_files_that_exist():
    places = [_CODE.findall(place) for _, place in _SUBJECTS]
    assert len(_SUBJECTS) > 200
    assert [what for (what, _), named in zip(_SUBJECTS, places, strict=True) if not named] == []
    paths = {each for named in places for each in named if "/" in each}
    missing = {each for each in paths if not (ROOT / each).exists()}
    assert missing == set()
    assert {each for each in paths if each.endswith("/") != (ROOT / each).is_dir()} == set()


def test_a_subject_stands_once_and_its_files_are_not_paired_by_semicolons():
    subjects = [what for what, _ in _SUBJECTS]
    assert len(set(subjects)) == len(subjects)
    assert [what for what, place in _SUBJECTS if ";" in place] == []


def named_files(text: str) -> set[str]:
    """Paths of files of ours; the older service had some of the same form."""
    return {path for path in _FILE.findall(text) if path.split("/")[0] in {*TOPS, *FOLDERS}}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_files_that_a_document_names_exist(path):
    text = path.read_text()
    links = {link for link in _LINK.findall(text) if not link.startswith("http")}
    assert {link for link in links if not (path.parent / link).exists()} == set()
    assert {each for each in named_files(text) if not (ROOT / each).exists()} == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_targets_that_a_document_names_exist(path):
    """Of the Makefile: in code, not in sentences that begin with "make"."""
    code = re.findall(
        r"```.*?```|`[^`\n]+`|^    [^\n]+", path.read_text(), re.MULTILINE | re.DOTALL
    )
    named = {name for text in code for name in _MAKE.findall(text)}
    assert named - TARGETS == set()


def anchors(text: str) -> set[str]:
    """Anchors of a document's headings, as GitHub and mkdocs both write them."""
    without_code = re.sub(r"^( *)```.*?^\1```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+?)\s*$", without_code, re.MULTILINE)
    plain = [re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", each) for each in headings]
    return {re.sub(r"[^\w\s-]", "", each).strip().lower().replace(" ", "-") for each in plain}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_anchors_that_a_document_links_exist(path):
    wrong = [
        f"{link}#{anchor}"
        for link, anchor in _ANCHOR.findall(path.read_text())
        if not link.startswith("http") and (not link or link.endswith(".md"))
        if anchor not in anchors((path.parent / link if link else path).read_text())
    ]
    assert wrong == []


def test_files_that_the_source_names_exist():
    wrong = {
        f"{path}: {each}"
        for path in sources()
        for each in named_files((ROOT / path).read_text())
        if not (ROOT / each).exists()
    }
    assert wrong == set()


def test_the_index_lists_every_decision():
    index = (DECISIONS / "README.md").read_text()
    assert sorted(re.findall(r"\]\((0[^)]+\.md)\)", index)) == RECORDS


@pytest.mark.parametrize("name", RECORDS)
def test_a_decision_has_its_parts(name):
    text = (DECISIONS / name).read_text()
    assert re.search(r"^2026-\d\d-\d\d · (accepted|replaced by \d{4})", text, re.MULTILINE)
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [each.removesuffix("s") for each in headings] == [
        "Context", "Decision", "Figure", "Consequence",
    ]  # fmt: skip


def test_the_readme_has_every_command_and_no_other():
    """And each option that it names."""
    parser = make_parser()
    commands = re.findall(r"^    ([a-z][a-z-]+)(?:\s|$)", parser.format_help(), re.MULTILINE)
    rows = re.findall(r"^\| (`pacegraph .+`) \|", (ROOT / "README.md").read_text(), re.MULTILINE)
    named = {each.split()[0] for row in rows for each in re.findall(r"`pacegraph ([^`]+)`", row)}
    # legacy/ may be deleted: then its rows go with it
    assert named == set(commands) or (named > set(commands) and not HAS_LEGACY)
    for row in rows:
        for text in re.findall(r"`pacegraph ([^`]+)`", row):
            name = text.split()[0]
            for option in re.findall(r"--[a-z-]+", text) if name in commands else ():
                assert option in help_of(parser, name), f"{name} {option}"


def help_of(parser, name: str) -> str:
    told = io.StringIO()
    with contextlib.redirect_stdout(told), pytest.raises(SystemExit):
        parser.parse_args([name, "--help"])
    return told.getvalue()
