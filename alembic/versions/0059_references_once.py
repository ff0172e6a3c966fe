"""Parts of an activity refer to their athlete by their activity alone

Since 0056 they refer to the activity together with the athlete, and the activity refers to the
athlete: PostgreSQL looked twice for each row of a split.
"""

from alembic import op

revision = "0059"
down_revision = "0058"
branch_labels = None
depends_on = None

_TABLES = ("activity_heart_rates", "activity_laps", "activity_routes", "activity_splits")


def upgrade() -> None:
    with op.get_context().autocommit_block():  # so that none is locked while another is waited for
        for table in _TABLES:
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS fk_{table}_athlete_id")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for table in _TABLES:
            name = f"fk_{table}_athlete_id"
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
            op.execute(
                f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY (athlete_id) "
                "REFERENCES athletes (id) ON DELETE CASCADE NOT VALID"
            )
            op.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
