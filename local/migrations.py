"""Alembic, configured here rather than in an ini file: the same settings as everything else."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from settings import Settings

__all__ = ["CommandError", "downgrade", "missing_revisions", "upgrade"]

_SCRIPTS = Path(__file__).resolve().parent.parent / "alembic"


def upgrade(settings: Settings, revision: str = "head") -> None:
    """Bring the database of DATABASE_URL up to `revision`. Raises CommandError for an unknown one."""
    command.upgrade(_config(settings), revision)


def downgrade(settings: Settings, revision: str = "-1") -> None:
    """Take the database back to `revision`; "-1" is one step, "base" is empty. Raises as `upgrade`."""
    command.downgrade(_config(settings), revision)


def missing_revisions(connection: Connection) -> list[str]:
    """The migrations that the database still lacks, next first; all of them where it has none."""
    scripts = ScriptDirectory(str(_SCRIPTS))
    current = MigrationContext.configure(connection).get_current_heads()
    # Raises CommandError when the database is ahead of this checkout.
    missing = scripts.iterate_revisions("heads", current or "base")
    return [script.revision for script in missing if script.revision not in current][::-1]


def _config(settings: Settings) -> Config:
    """What alembic/env.py reads: `attributes["settings"]` names the database."""
    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["settings"] = settings
    return config
