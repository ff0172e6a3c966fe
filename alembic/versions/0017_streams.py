"""All columns of streams

Rows from before hold time, distance and heart rate and stay as they are. After a downgrade the
older version cannot read newer rows and fetches their streams again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("activity_streams", sa.Column("positions", sa.LargeBinary(), nullable=True))
    op.add_column("activity_streams", sa.Column("duration_s", sa.Double(), nullable=True))
    is_complete = sa.Column(
        "is_complete", sa.Boolean(), server_default=sa.text("false"), nullable=False
    )
    op.add_column("activity_streams", is_complete)
    # What is compressed already is not compressed again.
    for column in ("samples", "positions"):
        op.execute(f"ALTER TABLE activity_streams ALTER COLUMN {column} SET STORAGE EXTERNAL")


def downgrade() -> None:
    op.execute("ALTER TABLE activity_streams ALTER COLUMN samples SET STORAGE EXTENDED")
    for name in ("is_complete", "duration_s", "positions"):
        op.drop_column("activity_streams", name)
