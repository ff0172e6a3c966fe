"""initial

Revision ID: 0001
"""
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import UUID

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _id():
    return sa.Column("id", UUID(as_uuid=True), primary_key=True)


def upgrade():
    op.create_table(
        "athlete",
        _id(),
        sa.Column("email", sa.String(255), unique=True),
        sa.Column("display_name", sa.String(100)),
        sa.Column("birthdate", sa.Date()),
        sa.Column("sex", sa.String(1)),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now()),
        sa.Column("last_strava_sync", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "activity",
        _id(),
        sa.Column("athlete_id", UUID(as_uuid=True), sa.ForeignKey("athlete.id"), nullable=False),
        sa.Column("name", sa.String(255)),
        sa.Column("start_time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sport", sa.String(20)),
        sa.Column("external_activity_id", sa.String(40)),
        sa.Column("distance_m", sa.Integer()),
        sa.Column("duration_s", sa.Integer()),
        sa.Column("is_race", sa.Boolean()),
        sa.UniqueConstraint("athlete_id", "external_activity_id"),
    )
    op.create_index("ix_activity_athlete_id", "activity", ["athlete_id"])
    op.create_table(
        "activity_split",
        _id(),
        sa.Column("activity_id", UUID(as_uuid=True), sa.ForeignKey("activity.id"), nullable=False),
        sa.Column("split_number", sa.Integer(), nullable=False),
        sa.Column("distance", sa.Float()),
        sa.Column("elapsed_time", sa.Integer()),
    )
    op.create_table(
        "personal_best",
        _id(),
        sa.Column("athlete_id", UUID(as_uuid=True), sa.ForeignKey("athlete.id"), nullable=False),
        sa.Column("activity_id", UUID(as_uuid=True), sa.ForeignKey("activity.id"), nullable=False),
        sa.Column("distance_category", sa.String(20), nullable=False),
        sa.Column("time_seconds", sa.Integer(), nullable=False),
    )
    op.create_table(
        "activity_feedback",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("activity_id", UUID(as_uuid=True), sa.ForeignKey("activity.id"), nullable=False),
        sa.Column("perceived_effort", sa.Integer()),
        sa.Column("notes", sa.Text()),
    )


def downgrade():
    for table in ("activity_feedback", "personal_best", "activity_split", "activity", "athlete"):
        op.drop_table(table)
