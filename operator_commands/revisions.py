"""Which migrations there are, and which of them a database has."""

from pathlib import Path

from alembic.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.script.revision import RevisionError
from alembic.util import CommandError
from sqlalchemy import Connection

SCRIPTS = Path(__file__).resolve().parent.parent / "alembic"


def newest_revision() -> str | None:
    """The newest migration that there is."""
    return ScriptDirectory(str(SCRIPTS)).get_current_head()


def current_heads(connection: Connection) -> tuple[str, ...]:
    """The newest migration that the database has; none in an empty one."""
    return MigrationContext.configure(connection).get_current_heads()


def revisions_between(upper: str | tuple[str, ...], lower: str | tuple[str, ...]) -> list[Script]:
    """The migrations from `upper` down to `lower`. Raises CommandError if one is unknown."""
    try:
        return list(ScriptDirectory(str(SCRIPTS)).iterate_revisions(upper, lower))
    except RevisionError as error:
        raise CommandError(str(error)) from error


def missing_revisions(connection: Connection, revision: str = "heads") -> list[str]:
    """The migrations up to `revision` that the database still lacks, next first.

    Raises CommandError if the database is newer than this version, or the revision is unknown.
    """
    current = current_heads(connection)
    missing = revisions_between(revision, current or "base")
    return [script.revision for script in missing if script.revision not in current][::-1]
