"""Indexes for jobs of one kind, and for those that failed or were cancelled

They are built while others read and write. One that was interrupted is left invalid, so each is
dropped before it is built.
"""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None

_KIND, _NOT_SUCCEEDED = "ix_jobs_kind", "ix_jobs_not_succeeded"


def upgrade() -> None:
    with op.get_context().autocommit_block():
        _drop()
        op.create_index(_KIND, "jobs", ["kind", "created_at", "id"], postgresql_concurrently=True)
        op.create_index(
            _NOT_SUCCEEDED,
            "jobs",
            ["status", "created_at", "id"],
            postgresql_where=sa.text("status IN ('FAILED', 'CANCELLED')"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        _drop()


def _drop() -> None:
    for name in (_KIND, _NOT_SUCCEEDED):
        op.drop_index(name, "jobs", if_exists=True, postgresql_concurrently=True)
