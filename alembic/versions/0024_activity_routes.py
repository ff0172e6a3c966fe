"""Routes of activities, and what of them others see

The functions cut a route by the athlete's hidden radius and write it. Routes of runs that are
stored already appear when their streams are fetched again.
"""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

# The least meters per degree on the ellipsoid: places seem nearer than they are, never farther.
_M = "0.110574"  # per millionth of a degree of latitude
# The hidden circle is around a point of a grid as wide as the radius, so that it tells no more of
# the place than the grid's cell, and is the same for all starts in it. Its radius has room for the
# way from the place to the point, for the cells in which points are chosen together, for the middle
# of a step, and for the flat earth. A longer step is not drawn: it may lead through the circle.
_POINTS = f"""
    CREATE FUNCTION route_points(latitudes int[], longitudes int[], hidden_m double precision)
    RETURNS TABLE (place bigint, part bigint, latitude int, longitude int)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    WITH points AS (
        SELECT p.place, p.latitude, p.longitude
        FROM unnest(latitudes, longitudes) WITH ORDINALITY p(latitude, longitude, place)
    ), ends AS (
        SELECT round(round(e.latitude * {_M} / hidden_m) * hidden_m / {_M})::bigint AS north,
            e.longitude
        FROM (VALUES (latitudes[1], longitudes[1]),
            (latitudes[cardinality(latitudes)], longitudes[cardinality(longitudes)])
        ) e(latitude, longitude) WHERE hidden_m > 0
    ), centers AS (
        SELECT north, narrow,
            round(round(longitude * narrow / hidden_m) * hidden_m / narrow)::bigint AS east
        FROM ends, LATERAL (
            SELECT {_M} * greatest(0.01, cosd(least(90, greatest(-90, north / 1000000.0)))) AS narrow
        ) n
    ), seen AS (
        SELECT p.* FROM points p WHERE NOT EXISTS (
            SELECT FROM centers c, LATERAL (
                SELECT (p.latitude - c.north) * {_M} AS y,
                    ((p.longitude - c.east + 540000000) % 360000000 - 180000000) * c.narrow AS x
            ) d WHERE x * x + y * y < (hidden_m * 1.75 + 90) ^ 2)
    ), steps AS (
        SELECT s.*, hidden_m > 0 AND (
            (s.place - lag(s.place) OVER w <> 1)
            OR ((s.latitude - lag(s.latitude) OVER w) * {_M}) ^ 2
                + (((s.longitude - lag(s.longitude) OVER w + 540000000) % 360000000 - 180000000)
                * {_M} * greatest(0.01, cosd(s.latitude / 1000000.0))) ^ 2 > 150 ^ 2
        ) AS is_apart
        FROM seen s WINDOW w AS (ORDER BY s.place)
    )
    SELECT place, count(*) FILTER (WHERE is_apart) OVER (ORDER BY place), latitude, longitude
    FROM steps
    $$
"""  # noqa: S608 - made of the constant above
_CHARACTERS = """
    CREATE FUNCTION polyline_number(value bigint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN z < 32 THEN chr(z + 63)
        WHEN z < 1024 THEN chr((z & 31) + 95) || chr((z >> 5) + 63)
        WHEN z < 32768 THEN chr((z & 31) + 95) || chr((z >> 5 & 31) + 95) || chr((z >> 10) + 63)
        WHEN z < 1048576 THEN chr((z & 31) + 95) || chr((z >> 5 & 31) + 95)
            || chr((z >> 10 & 31) + 95) || chr((z >> 15) + 63)
        WHEN z < 33554432 THEN chr((z & 31) + 95) || chr((z >> 5 & 31) + 95)
            || chr((z >> 10 & 31) + 95) || chr((z >> 15 & 31) + 95) || chr((z >> 20) + 63)
        ELSE chr((z & 31) + 95) || chr((z >> 5 & 31) + 95) || chr((z >> 10 & 31) + 95)
            || chr((z >> 15 & 31) + 95) || chr((z >> 20 & 31) + 95) || chr((z >> 25) + 63) END
    FROM (SELECT (CASE WHEN value < 0 THEN ~(value << 1) ELSE value << 1 END)::int) v(z)
    $$
"""
_LINES = """
    CREATE FUNCTION route_lines(
        latitudes int[], longitudes int[], hidden_m double precision, digits int
    ) RETURNS text[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH rounded AS (
        SELECT place, part, round(latitude / 10.0 ^ (6 - digits))::bigint AS y,
            round(longitude / 10.0 ^ (6 - digits))::bigint AS x
        FROM route_points(latitudes, longitudes, hidden_m)
    ), moves AS (
        SELECT place, part, y - lag(y, 1, 0::bigint) OVER w AS y, x - lag(x, 1, 0::bigint) OVER w AS x
        FROM rounded WINDOW w AS (PARTITION BY part ORDER BY place)
    )
    SELECT coalesce(array_agg(line ORDER BY part), '{}') FROM (
        SELECT part, string_agg(polyline_number(y) || polyline_number(x), '' ORDER BY place)
        FROM moves GROUP BY part HAVING count(*) > 1
    ) l(part, line)
    $$
"""
_GEO_JSON = """
    CREATE FUNCTION route_geo_json(
        latitudes int[], longitudes int[], hidden_m double precision, digits int
    ) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT '{"type":"MultiLineString","coordinates":['
        || coalesce(string_agg('[' || line || ']', ',' ORDER BY part), '') || ']}' FROM (
        SELECT part, string_agg('[' || trim_scale(round(longitude / 1000000.0, digits))
            || ',' || trim_scale(round(latitude / 1000000.0, digits)) || ']', ',' ORDER BY place)
        FROM route_points(latitudes, longitudes, hidden_m) GROUP BY part HAVING count(*) > 1
    ) l(part, line)
    $$
"""
_BOUNDS = """
    CREATE FUNCTION route_bounds(latitudes int[], longitudes int[], hidden_m double precision)
    RETURNS double precision[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN count(*) > 0 THEN ARRAY[min(y), min(x), max(y), max(x)] END FROM (
        SELECT latitude / 1000000.0::double precision, (CASE
            WHEN longitude - longitudes[1] > 180000000 THEN longitude - 360000000
            WHEN longitude - longitudes[1] < -180000000 THEN longitude + 360000000
            ELSE longitude END) / 1000000.0::double precision
        FROM (SELECT p.*, count(*) OVER (PARTITION BY part) AS points
            FROM route_points(latitudes, longitudes, hidden_m) p) q WHERE points > 1
    ) b(y, x)
    $$
"""
_DROPPED = (
    "route_bounds(int[], int[], double precision)",
    "route_geo_json(int[], int[], double precision, int)",
    "route_lines(int[], int[], double precision, int)",
    "polyline_number(bigint)",
    "route_points(int[], int[], double precision)",
)


def upgrade() -> None:
    op.add_column(
        "athletes",
        sa.Column("hidden_radius_m", sa.Integer(), server_default=sa.text("500"), nullable=False),
    )
    op.create_check_constraint(
        op.f("ck_athletes_hidden_radius_m_range"),
        "athletes",
        "hidden_radius_m = 0 OR hidden_radius_m BETWEEN 100 AND 5000",
    )
    op.create_table(
        "activity_routes",
        sa.Column("activity_id", sa.BigInteger(), nullable=False),
        sa.Column("athlete_id", sa.BigInteger(), nullable=False),
        sa.Column("latitudes", sa.ARRAY(sa.Integer()), nullable=False),
        sa.Column("longitudes", sa.ARRAY(sa.Integer()), nullable=False),
        sa.PrimaryKeyConstraint("activity_id", name="pk_activity_routes"),
        sa.ForeignKeyConstraint(
            ["activity_id"],
            ["activities.id"],
            name="fk_activity_routes_activity_id",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["athlete_id"],
            ["athletes.id"],
            name="fk_activity_routes_athlete_id",
            ondelete="CASCADE",
        ),
        sa.CheckConstraint(
            "cardinality(latitudes) = cardinality(longitudes) AND cardinality(latitudes) > 1",
            name=op.f("ck_activity_routes_points"),
        ),
    )
    op.create_index("ix_activity_routes_athlete_id", "activity_routes", ["athlete_id"])
    for event, rows in (("INSERT", "NEW"), ("UPDATE", "NEW"), ("DELETE", "OLD")):
        op.execute(
            f"CREATE TRIGGER note_{event.lower()} AFTER {event} ON activity_routes "
            f"REFERENCING {rows} TABLE AS changed "
            "FOR EACH STATEMENT EXECUTE FUNCTION note_changed_rows()"
        )
    op.execute(
        "CREATE TRIGGER note_truncate AFTER TRUNCATE ON activity_routes "
        "FOR EACH STATEMENT EXECUTE FUNCTION note_emptied_table()"
    )
    for function in (_POINTS, _CHARACTERS, _LINES, _GEO_JSON, _BOUNDS):
        op.execute(function)


def downgrade() -> None:
    op.drop_table("activity_routes")
    for signature in _DROPPED:
        op.execute(f"DROP FUNCTION {signature}")
    op.drop_column("athletes", "hidden_radius_m")
