"""What changed of an athlete's activities and bests, for subscribers and for the results of jobs"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "athlete_changes",
        sa.Column("id", sa.BigInteger, sa.Identity(always=True), nullable=False),
        sa.Column("athlete_id", sa.BigInteger, nullable=False),
        sa.Column("job_id", sa.BigInteger),
        sa.Column("activity_ids", sa.ARRAY(sa.BigInteger), nullable=False),
        sa.Column("deleted_ids", sa.ARRAY(sa.BigInteger), nullable=False),
        sa.Column("distances", sa.ARRAY(sa.Text), nullable=False),
        sa.Column("is_complete", sa.Boolean, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_athlete_changes"),
        sa.ForeignKeyConstraint(
            ["athlete_id"],
            ["athletes.id"],
            name="fk_athlete_changes_athlete_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["job_id"], ["jobs.id"], name="fk_athlete_changes_job_id", ondelete="SET NULL"
        ),
    )
    op.create_index("ix_athlete_changes_athlete_id", "athlete_changes", ["athlete_id", "id"])
    op.create_index("ix_athlete_changes_job_id", "athlete_changes", ["job_id"])
    op.create_index("ix_athlete_changes_changed_at", "athlete_changes", ["changed_at"])


def downgrade() -> None:
    op.drop_table("athlete_changes")
