"""Resting and maximum heart rate of athletes, which training load is computed by"""

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

_RANGES = {"resting_heart_rate_bpm": (20, 99), "max_heart_rate_bpm": (100, 250)}


def upgrade() -> None:
    for column, (least, most) in _RANGES.items():
        op.add_column("athletes", sa.Column(column, sa.Integer()))
        op.create_check_constraint(
            op.f(f"ck_athletes_{column}_range"), "athletes", f"{column} BETWEEN {least} AND {most}"
        )


def downgrade() -> None:
    for column in _RANGES:
        op.drop_column("athletes", column)
