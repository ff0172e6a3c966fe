"""Activities that syncs could not have, until they have them

What older versions left out is not known here: their jobs' problems stay, and the next syncs write
what still fails.
"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None

_CODES = (
    "'STRAVA_UNAUTHORIZED', 'STRAVA_SCOPE_MISSING', 'STRAVA_APP_INACTIVE', 'STRAVA_ATHLETE_LIMIT',"
    " 'STRAVA_RATE_LIMITED', 'STRAVA_UNAVAILABLE', 'STRAVA_BAD_DATA', 'CANCELLED', 'TIMED_OUT',"
    " 'INTERNAL'"
)


def upgrade() -> None:
    now = sa.text("now()")
    op.create_table(
        "sync_problems",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("connection_id", sa.BigInteger, nullable=False),
        sa.Column("athlete_id", sa.BigInteger, nullable=False),
        sa.Column("strava_id", sa.BigInteger),
        sa.Column("activity_id", sa.BigInteger),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("message", sa.Text, nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("tries", sa.Integer, nullable=False, server_default="1"),
        sa.Column("job_id", sa.BigInteger, nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False, server_default=now),
        sa.Column("next_try_at", sa.DateTime(timezone=True)),
        sa.Column("is_asked_for", sa.Boolean, nullable=False, server_default="false"),
        sa.PrimaryKeyConstraint("id", name="pk_sync_problems"),
        sa.UniqueConstraint(
            "athlete_id",
            "strava_id",
            name="uq_sync_problems_athlete_id_strava_id",
            postgresql_nulls_not_distinct=True,
        ),
        sa.CheckConstraint("stage IN ('READING', 'DERIVING')", name=op.f("ck_sync_problems_stage")),
        sa.CheckConstraint(f"code IN ({_CODES})", name=op.f("ck_sync_problems_code")),
        *(
            sa.ForeignKeyConstraint(
                [column], [f"{table}.id"], name=f"fk_sync_problems_{column}", ondelete="CASCADE"
            )
            for column, table in (
                ("connection_id", "strava_connections"),
                ("athlete_id", "athletes"),
                ("activity_id", "activities"),
            )
        ),
    )
    for column in ("connection_id", "activity_id", "next_try_at"):
        op.create_index(f"ix_sync_problems_{column}", "sync_problems", [column])


def downgrade() -> None:
    op.drop_table("sync_problems")
