"""Where best efforts begin on their way, and their heart rates

Both are written as activities are derived again: by the next sync, or `recalculatePersonalBests`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None

_COLUMNS = ("start_distance_m", "average_heart_rate_bpm")


def upgrade() -> None:
    for column in _COLUMNS:
        op.add_column("best_efforts", sa.Column(column, sa.Double()))


def downgrade() -> None:
    for column in _COLUMNS:
        op.drop_column("best_efforts", column)
