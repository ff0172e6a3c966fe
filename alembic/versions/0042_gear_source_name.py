"""The name that its source knows gear by, where the athlete renamed it here"""

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("gear", sa.Column("source_name", sa.Text()))


def downgrade() -> None:
    op.drop_column("gear", "source_name")
