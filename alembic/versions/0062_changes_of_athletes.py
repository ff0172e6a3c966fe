"""Changes of an athlete's own data are told too"""

import sqlalchemy as sa
from alembic import op

revision = "0062"
down_revision = "0061"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("of_athlete", sa.Boolean, nullable=False, server_default="false")
    op.add_column("athlete_changes", column)


def downgrade() -> None:
    op.drop_column("athlete_changes", "of_athlete")
