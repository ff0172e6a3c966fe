"""An index for lists of deleted activities, built while others read and write"""

from alembic import op

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None

_INDEX, _TABLE = "ix_deleted_activities_athlete_id_deleted_at", "deleted_activities"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        # One that was interrupted is left invalid.
        op.drop_index(_INDEX, _TABLE, if_exists=True, postgresql_concurrently=True)
        op.create_index(
            _INDEX, _TABLE, ["athlete_id", "deleted_at", "id"], postgresql_concurrently=True
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(_INDEX, _TABLE, if_exists=True, postgresql_concurrently=True)
