"""What docs/{migration,rollback,flags,adoption}.md name is there: commands, files, settings, flags,
make targets.
"""

import re
import shlex
from pathlib import Path

import pytest

import cli
from flags.switches import Flag
from legacy.rest.routes import ROUTES
from settings import Settings

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("migration", "rollback", "flags", "adoption")
DOCUMENTS = {name: (ROOT / f"docs/{name}.md").read_text() for name in NAMES}
STAND_INS = {"NAME": "sharing", "PATH": ".", "$flag": "sharing", "$share": "1%", "…": ""}


def found(name: str, pattern: str) -> list[str]:
    matches = re.findall(pattern, DOCUMENTS[name], re.MULTILINE)
    return sorted(set(matches))


def commands(name: str) -> list[str]:
    """Commands of ours, in code or at the begin of a line of it."""
    return found(name, r"(?:`|^ *|\$\()pacegraph ((?:[a-z]|--)[^`#|>;)\n]*)")


@pytest.mark.parametrize("name", NAMES)
def test_its_commands_are_ours(name):
    assert len(commands(name)) > 5
    for command in commands(name):
        for stand_in, value in STAND_INS.items():
            command = command.replace(stand_in, value)  # noqa: PLW2901
        arguments = shlex.split(re.sub(r"\[.*?\]|,", "", command))
        if len(arguments) == 1:  # no more than its name
            with pytest.raises(SystemExit, match="0"):
                cli.make_parser().parse_args([*arguments, "--help"])
            continue
        options = cli.make_parser().parse_args(arguments)  # leaves the process where one is unknown
        if getattr(options, "flag", None):
            assert options.flag in set(Flag), command


@pytest.mark.parametrize("name", NAMES)
def test_its_links_and_files_are_there(name):
    files = found(
        name, r"`((?:legacy|tests|web|db|jobs|graph|docs|logs|flags)/[\w./-]*|settings\.py)`"
    )
    missing = [each for each in files if not (ROOT / each).exists()]
    missing += [
        each for each in found(name, r"\]\(([\w.]+)\)") if not (ROOT / "docs" / each).exists()
    ]
    assert missing == []


@pytest.mark.parametrize("name", NAMES)
def test_its_settings_and_targets_are_there(name):
    settings = {each.upper() for each in Settings.model_fields}
    named = set(found(name, r"`([A-Z]+(?:_[A-Z]+)+)[=`]"))
    assert named - settings <= {"TOKEN"}
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(found(name, r"`make ([a-z-]+)`")) <= set(targets)


def test_its_routes_are_ours():
    ours = {f"{route.method} {path}" for route in ROUTES for path in (route.path, *route.aliases)}
    named = set(found("migration", r"`((?:GET|POST) /[^`?]*)`"))
    assert len(named) > 3
    assert named <= ours


def test_the_end_date_is_stated_in_one_place():
    """The default of the setting; .env.example repeats it, and a test compares the two."""
    end = Settings.model_fields["legacy_sunset_on"].default
    written = {
        f"{end}",
        f"{end:%d %B %Y}",
        f"{end:%d %b %Y}",
        f"date({end.year}, {end.month}, {end.day})",
    }
    texts = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("legacy/**/*.*")]
    found = [
        path.relative_to(ROOT).as_posix()
        for path in texts
        if path.suffix in {".md", ".py"} and any(each in path.read_text() for each in written)
    ]
    assert found == []
