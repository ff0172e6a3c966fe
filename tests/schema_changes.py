"""What changed in the schema since the last release, and whether clients were told before.

    python -m tests.schema_changes [--check]

Writes docs/schema-changes.md, or compares it (--check). The last release is the newest schema in
docs/schema. A change that breaks clients is refused, unless what goes was deprecated in that
release with a reason that names the day ("Use `name`. Goes after 2027-03-01.") and the day has
passed, or the change is in docs/schema/agreed.txt.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from graphql import GraphQLSchema, build_schema
from graphql.utilities import (
    BreakingChange,
    DangerousChange,
    SafeChange,
    SafeChangeType,
    find_schema_changes,
)

from operator_commands.schema_usage import members_of

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "schema.graphql"
RELEASES = ROOT / "docs" / "schema"
AGREED = RELEASES / "agreed.txt"
PAGE = ROOT / "docs" / "schema-changes.md"

_REMOVED = re.compile(r"(?:Field|Argument|Enum value) (\S+) was removed\.")
_LAST_DAY = re.compile(r"after (\d{4}-\d\d-\d\d)")
_UNTOLD = {SafeChangeType.DESCRIPTION_CHANGED}


@dataclass(frozen=True, slots=True)
class Changes:
    """Descriptions of changes, sorted: they break clients, may surprise them, or do neither.

    `deprecated` are the members that are deprecated since.
    """

    breaking: tuple[str, ...]
    surprising: tuple[str, ...]
    added: tuple[str, ...]
    deprecated: tuple[str, ...]


def changes_between(old: GraphQLSchema, new: GraphQLSchema) -> Changes:
    """Compare two schemas. Changed descriptions are left out."""
    found = find_schema_changes(old, new)
    reasons = _reasons(old)
    return Changes(
        _sorted(each.description for each in found if isinstance(each, BreakingChange)),
        _sorted(each.description for each in found if isinstance(each, DangerousChange)),
        _sorted(
            each.description
            for each in found
            if isinstance(each, SafeChange) and each.type not in _UNTOLD
        ),
        _sorted(
            f"{coordinate}: {reason}"
            for coordinate, reason in _reasons(new).items()
            if reason and not reasons.get(coordinate)
        ),
    )


def _sorted(texts: Iterator[str]) -> tuple[str, ...]:
    return tuple(sorted(texts))


def _reasons(schema: GraphQLSchema) -> dict[str, str | None]:
    """Why members are deprecated, by coordinate; None for those that are not."""
    return {each.coordinate: each.deprecated for each in members_of(schema)}


def unannounced(
    old: GraphQLSchema, breaking: Sequence[str], agreed: Sequence[str], today: date
) -> list[str]:
    """Say what is wrong: breaking changes that clients were not told of, stale agreements."""
    reasons = _reasons(old)
    wrong = [
        f"breaks clients: {change}"
        for change in breaking
        if change not in agreed and not _is_announced(change, reasons, today)
    ]
    return wrong + [f"no change, so drop it: {line}" for line in agreed if line not in breaking]


def _is_announced(change: str, reasons: dict[str, str | None], today: date) -> bool:
    removed = _REMOVED.fullmatch(change)
    last_day = removed and _LAST_DAY.search(reasons.get(removed[1]) or "")
    return bool(last_day) and date.fromisoformat(last_day[1]) < today


def page(release: str, changes: Changes) -> str:
    """Write docs/schema-changes.md."""
    sections = (
        ("Breaking", changes.breaking),
        ("May surprise", changes.surprising),
        ("Deprecated", changes.deprecated),
        ("New", changes.added),
    )
    lines = [
        f"# The schema since {release}",
        "",
        "`make schema` writes this page. [CHANGELOG.md](../CHANGELOG.md) says why, and",
        "[compatibility.md](compatibility.md) what is promised.",
    ]
    for title, texts in sections:
        if texts:
            lines += ["", f"## {title}", "", *(f"- {text}" for text in texts)]
    return "\n".join(lines) + "\n"


def last_release() -> Path:
    """Find the schema of the last release."""

    def version(file: Path) -> tuple[int, ...]:
        return tuple(int(part) for part in file.stem.split("."))

    return max(RELEASES.glob("*.graphql"), key=version)


def agreed_changes() -> list[str]:
    """Read docs/schema/agreed.txt."""
    lines = AGREED.read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def main(arguments: Sequence[str]) -> int:
    release = last_release()
    old, new = (build_schema(file.read_text()) for file in (release, SCHEMA))
    changes = changes_between(old, new)
    text = page(release.stem, changes)
    wrong = unannounced(old, changes.breaking, agreed_changes(), datetime.now(UTC).date())
    if "--check" not in arguments:
        PAGE.write_text(text)
    elif not PAGE.exists() or PAGE.read_text() != text:
        wrong.append("docs/schema-changes.md is not what the schema says. Write it: make schema")
    sys.stderr.writelines(f"{line}\n" for line in wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
