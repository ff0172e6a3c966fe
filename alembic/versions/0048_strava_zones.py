"""Heart rate zones that Strava told, beside those that athletes set here"""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None

_KEY, _TABLE = "pk_heart_rate_zones", "heart_rate_zones"


def upgrade() -> None:
    op.add_column(
        _TABLE,
        sa.Column("from_strava", sa.Boolean, server_default=sa.text("false"), nullable=False),
    )
    op.drop_constraint(_KEY, _TABLE)
    op.create_primary_key(_KEY, _TABLE, ["athlete_id", "from_strava", "valid_from", "zone_number"])
    op.add_column("strava_connections", sa.Column("zones_read_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    op.drop_column("strava_connections", "zones_read_at")
    op.execute("DELETE FROM heart_rate_zones WHERE from_strava")
    op.drop_constraint(_KEY, _TABLE)
    op.create_primary_key(_KEY, _TABLE, ["athlete_id", "valid_from", "zone_number"])
    op.drop_column(_TABLE, "from_strava")
