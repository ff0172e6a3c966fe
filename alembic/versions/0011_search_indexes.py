"""Indexes for runs by day, by length and by sport

They are built while others read and write. One that was interrupted is left invalid, so each is
dropped before it is built.
"""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_INDEXES = {
    "ix_activities_athlete_id_started_at_local": ["athlete_id", "started_at_local"],
    "ix_activities_athlete_id_distance_m": ["athlete_id", "distance_m", "id"],
    "ix_activities_distance_m": ["distance_m", "id"],
    "ix_activities_moving_time_s": ["moving_time_s", "id"],
    "ix_activities_elapsed_time_s": ["elapsed_time_s", "id"],
    "ix_activities_sport_type": ["sport_type", "started_at", "id"],
}


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name, columns in _INDEXES.items():
            op.drop_index(name, "activities", if_exists=True, postgresql_concurrently=True)
            op.create_index(name, "activities", columns, postgresql_concurrently=True)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in _INDEXES:
            op.drop_index(name, "activities", if_exists=True, postgresql_concurrently=True)
