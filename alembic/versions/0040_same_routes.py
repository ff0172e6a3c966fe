"""Which runs went the same way as another"""

from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

# As athletics/same_route.py says: cells of 900 millionths of a degree of latitude, as wide in meters.
_CELLS = """
    CREATE FUNCTION route_cells(latitudes int[], longitudes int[])
    RETURNS TABLE (north int, east int) LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT DISTINCT floor(latitude / 900.0)::int, floor(longitude / round(900 / greatest(0.01,
        cos(radians(floor(latitude / 100000.0) * 100000 / 1000000)))))::int
    FROM unnest(latitudes, longitudes) place(latitude, longitude)
    $$
"""
# Other recordings of the same run are no other run. Of many candidates the latest are compared.
_RUNS = """
    CREATE FUNCTION runs_on_route_of(activity bigint, most int) RETURNS SETOF bigint
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH this AS (
        SELECT athlete_id, distance_m, coalesce(duplicate_of_id, id) AS run_id FROM activities
        WHERE id = activity
    ), own AS MATERIALIZED (
        SELECT cell.north, cell.east
        FROM activity_routes, route_cells(latitudes, longitudes) cell WHERE activity_id = activity
    ), near AS MATERIALIZED (
        SELECT own.north + up AS north, own.east + aside AS east, (own.north, own.east) AS cell
        FROM own, generate_series(-1, 1) up, generate_series(-1, 1) aside
    ), candidate AS (
        SELECT a.id, latitudes, longitudes
        FROM this JOIN activities a ON a.athlete_id = this.athlete_id
        AND a.distance_m BETWEEN 0.95 * this.distance_m AND this.distance_m / 0.95
        JOIN activity_routes ON activity_id = a.id
        WHERE a.duplicate_of_id IS NULL AND a.id <> this.run_id AND EXISTS (SELECT FROM own)
        ORDER BY a.started_at DESC, a.id DESC LIMIT most
    )
    SELECT candidate.id FROM candidate, LATERAL (
        SELECT count(DISTINCT (c.north, c.east)) AS cells, count(DISTINCT near.cell) AS shared,
            count(DISTINCT (c.north, c.east)) FILTER (WHERE near.cell IS NOT NULL) AS beside
        FROM route_cells(latitudes, longitudes) c LEFT JOIN near USING (north, east)
    ) compared
    WHERE beside >= 0.9 * cells AND shared >= 0.9 * (SELECT count(*) FROM own)
    $$
"""


def upgrade() -> None:
    op.execute(_CELLS)
    op.execute(_RUNS)


def downgrade() -> None:
    op.execute("DROP FUNCTION runs_on_route_of(bigint, int)")
    op.execute("DROP FUNCTION route_cells(int[], int[])")
