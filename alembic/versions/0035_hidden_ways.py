"""What of a run others see, sample by sample; efforts' places in their runs are told to nobody else

Routes that are stored already get the samples of their points when efforts are derived again. Until
then others see no streams of these runs.
"""

import sqlalchemy as sa
from alembic import op

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

# Rows of older versions, and those that one writes beside this, do not have as many samples.
_SAMPLES = """
    CREATE FUNCTION route_samples(
        latitudes int[], longitudes int[], samples int[], hidden_m double precision
    ) RETURNS int[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT array_agg(bound ORDER BY bound) FROM (
        SELECT unnest(ARRAY[min(samples[place::int]), max(samples[place::int]) + 1])
        FROM route_points(latitudes, longitudes, hidden_m)
        WHERE cardinality(samples) = cardinality(latitudes) GROUP BY part HAVING count(*) > 1
    ) b(bound)
    $$
"""
_BESTS_TO_START = """
    UPDATE personal_bests p SET start_offset_s = e.start_offset_s,
        achieved_at = p.achieved_at - make_interval(secs => e.start_offset_s)
    FROM best_efforts e WHERE e.id = p.id AND e.start_offset_s > 0
"""
_SHIFT = """
    UPDATE {} SET achieved_at = achieved_at {} make_interval(secs => start_offset_s)
    WHERE start_offset_s > 0
"""


def upgrade() -> None:
    # The largest table first: what follows locks the others.
    op.execute(_SHIFT.format("best_efforts", "-"))
    op.add_column(
        "personal_bests",
        sa.Column("start_offset_s", sa.Double(), server_default="0", nullable=False),
    )
    op.execute(_BESTS_TO_START)
    op.add_column("activity_routes", sa.Column("samples", sa.ARRAY(sa.Integer())))
    op.execute(_SAMPLES)


def downgrade() -> None:
    op.execute(_SHIFT.format("best_efforts", "+"))
    op.execute(_SHIFT.format("personal_bests", "+"))
    op.drop_column("personal_bests", "start_offset_s")
    op.execute("DROP FUNCTION route_samples(int[], int[], int[], double precision)")
    op.drop_column("activity_routes", "samples")
