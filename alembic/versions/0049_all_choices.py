"""All that athletes chose for activities that went, and Strava ids of files from exports

Strava ids of files that were imported before follow from their originals, as far as these are kept.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0049"
down_revision = "0048"
branch_labels = None
depends_on = None

_TABLE = "kept_choices"
_CHOICES = "recording_choice IN ('BY_RULES', 'CHOSEN', 'SEPARATE')"
_KNOWN = """
    UPDATE imported_files f SET strava_id = (o.listed->>'strava_id')::bigint FROM originals o
    WHERE o.athlete_id = f.athlete_id AND o.digest = f.digest AND o.listed->>'strava_id' IS NOT NULL
"""


def upgrade() -> None:
    op.add_column(
        _TABLE,
        sa.Column("recording_choice", sa.Text, server_default="BY_RULES", nullable=False),
    )
    op.add_column(
        _TABLE,
        sa.Column("excluded_efforts", sa.ARRAY(sa.Text), server_default="{}", nullable=False),
    )
    op.add_column(_TABLE, sa.Column("edits", JSONB, server_default="{}", nullable=False))
    op.create_check_constraint(op.f("ck_kept_choices_recording_choice"), _TABLE, _CHOICES)
    op.add_column("imported_files", sa.Column("strava_id", sa.BigInteger))
    op.execute(_KNOWN)


def downgrade() -> None:
    op.drop_column("imported_files", "strava_id")
    op.drop_constraint(op.f("ck_kept_choices_recording_choice"), _TABLE)
    for name in ("edits", "excluded_efforts", "recording_choice"):
        op.drop_column(_TABLE, name)
