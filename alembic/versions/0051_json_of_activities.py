"""The JSON of what lists of activities show, written with each row; an index that has all of bests

To write numbers, times and texts as JSON took PostgreSQL longer than to find the rows. A trigger keeps
it, also where others are switched off (`session_replication_role`). What is there is written in parts, each
in a transaction of its own, while others read and write. A row without it is written where it is read.
"""

import sqlalchemy as sa
from alembic import op

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

_AT_ONCE = 10_000
_COLUMNS = {
    "id": "bigint",
    "name": "text",
    "sport_type": "text",
    "started_at": "timestamptz",
    "started_at_local": "timestamp",
    "distance_m": "float8",
    "moving_time_s": "integer",
    "elapsed_time_s": "integer",
    "elevation_gain_m": "float8",
    "average_heart_rate_bpm": "float8",
    "max_heart_rate_bpm": "float8",
}


def _rounded(column: str, scale: int = 1000) -> str:
    return f"CASE WHEN abs({column})<1e+12 THEN round({column}*{scale})/{scale}+0 ELSE {column} END"


# The values stand in the order of the columns, parted by a character that no JSON has.
_PIECES = f"""
CREATE OR REPLACE FUNCTION json_of_activity({", ".join(map(" ".join, _COLUMNS.items()))})
RETURNS text LANGUAGE plpgsql STABLE PARALLEL SAFE SET datestyle = 'ISO' SET extra_float_digits = 1
AS $$ BEGIN
    RETURN concat_ws(E'\\x1f',
        concat('"QWN0aXZpdHk6', encode(textsend(id::text), 'base64'), '"'),
        to_json(name),
        to_json(sport_type),
        concat('"', replace((started_at AT TIME ZONE 'UTC')::text, ' ', 'T'), 'Z"'),
        concat('"', replace(started_at_local::text, ' ', 'T'), '"'),
        {_rounded("distance_m")},
        moving_time_s,
        elapsed_time_s,
        coalesce(({_rounded("elevation_gain_m")})::text, 'null'),
        coalesce(({_rounded("average_heart_rate_bpm", 10**6)})::text, 'null'),
        coalesce(({_rounded("max_heart_rate_bpm", 10**6)})::text, 'null')
    );
END $$
"""
_TRIGGERED = f"""
CREATE OR REPLACE FUNCTION write_json_of_activity() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT  -- logical replication and pg_restore write with an empty one
AS $$ BEGIN
    NEW.listed_json := json_of_activity({", ".join(f"NEW.{each}" for each in _COLUMNS)});
    RETURN NEW;
END $$
"""
_TRIGGER = f"""
CREATE OR REPLACE TRIGGER write_json BEFORE INSERT OR UPDATE OF {", ".join(_COLUMNS)}
ON activities FOR EACH ROW EXECUTE FUNCTION write_json_of_activity()
"""
_ALWAYS = "ALTER TABLE activities ENABLE ALWAYS TRIGGER write_json"
_WRITE = sa.text(f"""
    WITH part AS (
        SELECT id FROM activities WHERE id > :after ORDER BY id LIMIT :at_once
    ), written AS (
        UPDATE activities a SET listed_json = json_of_activity({", ".join(f"a.{each}" for each in _COLUMNS)})
        FROM part WHERE a.id = part.id AND a.listed_json IS NULL
    )
    SELECT max(id) FROM part
""")  # noqa: S608 - made of the constants above


_INDEX = "ix_personal_bests_current"
_INDEXED = ["athlete_id", "distance_m"]
_INCLUDED = [
    "id", "distance", "elapsed_s", "start_offset_s", "achieved_at", "age_grade_percent",
    "activity_id", "improvement_s", "for_athlete",
]  # fmt: skip


def upgrade() -> None:
    with op.get_context().autocommit_block():
        op.add_column("activities", sa.Column("listed_json", sa.Text()), if_not_exists=True)
        for statement in (_PIECES, _TRIGGERED, _TRIGGER, _ALWAYS):
            op.execute(statement)
        after: int | None = -(2**63)
        while after is not None:
            after = op.get_bind().execute(_WRITE, {"after": after, "at_once": _AT_ONCE}).scalar()
        op.drop_index(_INDEX, "personal_bests", if_exists=True, postgresql_concurrently=True)
        op.create_index(
            _INDEX,
            "personal_bests",
            _INDEXED,
            postgresql_include=_INCLUDED,
            postgresql_where=sa.text("is_current"),
            postgresql_concurrently=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(_INDEX, "personal_bests", if_exists=True, postgresql_concurrently=True)
    op.execute("DROP TRIGGER IF EXISTS write_json ON activities")
    op.execute("DROP FUNCTION IF EXISTS write_json_of_activity()")
    op.execute(f"DROP FUNCTION IF EXISTS json_of_activity({', '.join(_COLUMNS.values())})")
    op.drop_column("activities", "listed_json", if_exists=True)
