"""Writes the table of attacks: `python -m tests.security.table --write`."""

import re
import sys
from pathlib import Path

from tests.security.attacks import ATTACKS, Attack

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
README = FOLDER / "README.md"
LEAKS = re.compile(
    r"Traceback|asyncpg|psycopg|sqlalchemy|\bSELECT\b|\bFROM \w+\b.*\bWHERE\b|/\w+/[\w/]+\.py|site-packages"
)
"""What no answer tells: tracebacks, SQL, drivers, paths."""


def written() -> str:
    """Make the README."""
    before, marker, _ = (FOLDER / "introduction.md").read_text().partition("<!-- the table -->")
    assert marker
    return before + "\n".join(
        f"## {name}\n\n{_table(attacks)}\n" for name, attacks in ATTACKS.items()
    )


def _table(attacks: list[Attack]) -> str:
    rows = [
        f"| {each.name} | {each.known_from} | {each.sent} | {_came_back(each.came_back)} | {_link(each.more_in)} |"
        for each in attacks
    ]
    return "\n".join(
        [
            "| attack | known from | what is sent | what comes back | held further in |",
            "|---|---|---|---|---|",
            *rows,
        ]
    )


def _came_back(outcome: str) -> str:
    status, _, code = outcome.partition(" ")
    return f"{status} `{code}`" if code else status


def _link(path: str) -> str:
    return f"[more](../{path.removeprefix('tests/')})"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        README.write_text(written())
    else:
        sys.stdout.write(written())
