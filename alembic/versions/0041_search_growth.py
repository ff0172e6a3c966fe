"""Indexes for names that contain a text, and for sources

They are built while others read and write. One that was interrupted is left invalid, so each is
dropped before it is built. Names need the extension pg_trgm, which the owner of a database may
create; where it cannot be had, names are searched without an index.
"""

import sqlalchemy as sa
from alembic import op

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

_NAMES, _SOURCES = "ix_activities_name_trigrams", "ix_activities_source"
_CREATE_EXTENSION = """
DO $$ BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
EXCEPTION WHEN insufficient_privilege OR undefined_file OR feature_not_supported THEN
    RAISE WARNING 'pg_trgm cannot be created, so names of activities are searched without an index';
END $$
"""
_HAS_EXTENSION = "SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm')"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        for name in (_NAMES, _SOURCES):
            op.drop_index(name, "activities", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            _SOURCES, "activities", ["source", "started_at", "id"], postgresql_concurrently=True
        )
        op.execute(_CREATE_EXTENSION)
        if op.get_bind().execute(sa.text(_HAS_EXTENSION)).scalar():
            op.create_index(
                _NAMES,
                "activities",
                [sa.text("lower(name) gin_trgm_ops")],
                postgresql_using="gin",
                postgresql_concurrently=True,
            )
        # PostgreSQL chooses the index by how often names have a text: that is known of a sample.
        op.execute("ANALYZE activities")


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in (_NAMES, _SOURCES):
            op.drop_index(name, "activities", if_exists=True, postgresql_concurrently=True)
        # the extension stays: others may use it
