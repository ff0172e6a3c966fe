"""What a sync writes of a run costs PostgreSQL less

The state of streams is in no index, so that a row that gets another one stays where its indexes
point. No statement was served by the index: what is still to be derived depends on other columns.
The trigger of streams reads the activities that they are of, not all. Arrays of numbers that no
compression makes smaller are not compressed in vain.
"""

import sqlalchemy as sa
from alembic import op

revision = "0054"
down_revision = "0053"
branch_labels = None
depends_on = None

_INDEX = "ix_activities_streams_pending"
_ROUTES = ("latitudes", "longitudes", "samples")
# As in 0046.
_RAISE = """
    CREATE OR REPLACE FUNCTION note_changed_streams() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (
            SELECT FROM athletes WHERE {of} AND xmin <> pg_current_xact_id()::xid
        ) THEN
            UPDATE athletes SET data_version = data_version WHERE {of};
        END IF;
        RETURN NULL;
    END $$
"""
# PostgreSQL knows nothing of how many changed, and would join them with all activities.
_BY_KEY = "id IN (SELECT (SELECT athlete_id FROM activities WHERE id = activity_id) FROM changed)"
_BY_JOIN = "id IN (SELECT athlete_id FROM activities WHERE id IN (SELECT activity_id FROM changed))"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(_INDEX, "activities", if_exists=True, postgresql_concurrently=True)
    op.execute(_RAISE.format(of=_BY_KEY))
    _store_routes("EXTERNAL")


def downgrade() -> None:
    _store_routes("EXTENDED")
    op.execute(_RAISE.format(of=_BY_JOIN))
    with op.get_context().autocommit_block():
        # One that was interrupted is there and serves nobody.
        op.drop_index(_INDEX, "activities", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            _INDEX,
            "activities",
            ["athlete_id"],
            postgresql_where=sa.text("streams_state = 'PENDING'"),
            postgresql_concurrently=True,
        )


def _store_routes(how: str) -> None:
    for name in _ROUTES:
        op.execute(f"ALTER TABLE activity_routes ALTER COLUMN {name} SET STORAGE {how}")
