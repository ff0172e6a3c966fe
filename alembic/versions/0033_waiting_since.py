"""Since when a job waits"""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("waiting_since", sa.DateTime(timezone=True)))
    op.execute("UPDATE jobs SET waiting_since = now() WHERE status = 'WAITING'")


def downgrade() -> None:
    op.drop_column("jobs", "waiting_since")
