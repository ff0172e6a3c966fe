"""All that leads to an activity, or from one to gear, leads with the athlete

So activities may lie in partitions by their athlete (docs/partitions.md), and no best is of one
athlete's activity and of another athlete. Keys are checked while others read and write. A migration
that was interrupted goes on where it was.
"""

from typing import NamedTuple

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0064"
down_revision = "0063"
branch_labels = None
depends_on = None


class _Reference(NamedTuple):
    table: str
    column: str
    referred: str
    action: str
    action_before: str

    @property
    def name(self) -> str:
        return f"fk_{self.table}_athlete_id_{self.column}"

    @property
    def name_before(self) -> str:
        return f"fk_{self.table}_{self.column}"


def _link(table: str, column: str, referred: str) -> _Reference:
    return _Reference(table, column, referred, f"SET NULL ({column})", "SET NULL")


_REFERENCES = (
    _link("activities", "gear_id", "gear"),
    _link("activities", "duplicate_of_id", "activities"),
    _link("import_entries", "activity_id", "activities"),
    _Reference("best_efforts", "activity_id", "activities", "CASCADE", "CASCADE"),
    _Reference("personal_bests", "activity_id", "activities", "CASCADE", "CASCADE"),
)
_KEY = "uq_gear_athlete_id_id"
_IS_THERE = sa.text("""
    SELECT EXISTS (SELECT FROM pg_constraint
        WHERE conname = :name AND conrelid = CAST(:table AS regclass))
""")


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for each in _REFERENCES:
            _refuse_strangers(each)
        if not _is_there(_KEY, "gear"):
            # one that was cut off before is there, and not valid
            op.drop_index(_KEY, "gear", if_exists=True, postgresql_concurrently=True)
            op.create_index(
                _KEY, "gear", ["athlete_id", "id"], unique=True, postgresql_concurrently=True
            )
            op.execute(f"ALTER TABLE gear ADD CONSTRAINT {_KEY} UNIQUE USING INDEX {_KEY}")
        for each in _REFERENCES:
            columns = f"(athlete_id, {each.column})"
            to = f"{each.referred} (athlete_id, id) ON DELETE {each.action}"
            _refer(each.table, each.name, f"{columns} REFERENCES {to}")
            _drop(each.table, each.name_before)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for each in _REFERENCES:
            to = f"{each.referred} (id) ON DELETE {each.action_before}"
            _refer(each.table, each.name_before, f"({each.column}) REFERENCES {to}")
            _drop(each.table, each.name)
        op.execute(f"ALTER TABLE gear DROP CONSTRAINT IF EXISTS {_KEY}")


def _refuse_strangers(reference: _Reference) -> None:
    """Raise CommandError where a row leads to one of another athlete, which nothing of ours writes."""
    if _is_there(reference.name, reference.table):
        return
    found = op.get_bind().execute(
        sa.text(
            f"SELECT count(*) FROM {reference.table} a JOIN {reference.referred} b "  # noqa: S608
            f"ON b.id = a.{reference.column} AND b.athlete_id <> a.athlete_id"
        )
    )
    if count := found.scalar():
        raise CommandError(
            f"{reference.table}: {count} rows have the {reference.column} of another athlete's row "
            f"in {reference.referred}. Nothing was changed. Mend or delete them, then migrate again"
        )


def _is_there(name: str, table: str) -> bool:
    found = op.get_bind().execute(_IS_THERE, {"name": name, "table": table})
    return bool(found.scalar())


def _refer(table: str, name: str, definition: str) -> None:
    """Add a reference, and look at the rows afterwards. Best efforts in partitions have it."""
    if not _is_there(name, table):
        op.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY {definition} NOT VALID")
    op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")


def _drop(table: str, name: str) -> None:
    op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
