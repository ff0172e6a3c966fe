"""Rows of an athlete can lie together: what docs/partitions.md says of keys is so.

The catalog of a migrated database is asked for what stands in the way of distributed tables; that is
the list here, and nothing once the statements of the page have run.
"""

import re
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.exc import IntegrityError

from db.models import Base
from operator_commands.migrations import downgrade, upgrade
from tests import factories as make

PAGE = Path(__file__).resolve().parents[2] / "docs/partitions.md"
ON_EVERY_SERVER = "athletes"
WITH_THE_ATHLETE = {
    "activities",
    "activity_heart_rates",
    "activity_laps",
    "activity_routes",
    "activity_splits",
    "activity_stream_levels",
    "activity_streams",
    "best_efforts",
    "deleted_activities",
    "gear",
    "heart_rate_zones",
    "imported_files",
    "kept_choices",
    "moved_samples",
    "originals",
    "personal_bests",
}
KEYS_WITHOUT_ATHLETE = {
    "pk_activities",
    "pk_activity_heart_rates",
    "pk_activity_laps",
    "pk_activity_routes",
    "pk_activity_splits",
    "pk_activity_stream_levels",
    "pk_activity_streams",
    "pk_best_efforts",
    "pk_deleted_activities",
    "pk_gear",
    "pk_originals",
    "pk_personal_bests",
    "uq_best_efforts_activity_id_distance",
}
REFERENCES_IN_THE_WAY = {
    "fk_activities_athlete_id_duplicate_of_id",
    "fk_activities_athlete_id_gear_id",
    "fk_import_entries_athlete_id_activity_id",
    "fk_imported_files_deleted_activity_id",
    "fk_personal_bests_id",
    "fk_personal_bests_previous_for_others_id",
    "fk_personal_bests_previous_id",
    "fk_sync_problems_athlete_id_activity_id",
}
_KEYS = """
    SELECT i.indexrelid::regclass::text FROM pg_index i
    WHERE i.indisunique AND i.indrelid = ANY(%(tables)s::regclass[]) AND NOT EXISTS (
        SELECT FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attname = 'athlete_id'
        AND a.attnum = ANY ((i.indkey::int2[])[0:i.indnkeyatts - 1])
    )
"""
# The places of the athlete on both sides; null where it has none.
_REFERENCES = """
    SELECT conname FROM pg_constraint c, LATERAL (
        SELECT array_position(conkey, (SELECT attnum FROM pg_attribute
                WHERE attrelid = conrelid AND attname = 'athlete_id')) AS here,
            array_position(confkey, (SELECT attnum FROM pg_attribute
                WHERE attrelid = confrelid AND attname = 'athlete_id')) AS there,
            coalesce(pg_partition_root(conrelid), conrelid) = ANY(%(tables)s::regclass[]) AS of_one,
            coalesce(pg_partition_root(confrelid), confrelid) = ANY(%(tables)s::regclass[]) AS to_one
    ) found
    WHERE contype = 'f' AND conparentid = 0 AND (of_one OR to_one) AND NOT CASE
        WHEN of_one AND to_one THEN coalesce(here = there, false) AND confdeltype IN ('a', 'c', 'r')
        WHEN of_one THEN confrelid = %(everywhere)s::regclass
        ELSE false END
"""
_VALUES = {"tables": sorted(WITH_THE_ATHLETE), "everywhere": ON_EVERY_SERVER}


def in_the_way(connection: psycopg.Connection) -> tuple[set[str], set[str]]:
    keys = {name for (name,) in connection.execute(_KEYS, _VALUES)}
    return keys, {name for (name,) in connection.execute(_REFERENCES, _VALUES)}


def test_the_page_names_every_table_that_lies_with_the_athlete():
    [row] = re.findall(
        r"\| with the athlete, by a hash of `athlete_id` \| (.*) \|", PAGE.read_text()
    )
    assert set(re.findall(r"`(\w+)`", row)) == WITH_THE_ATHLETE
    for name in WITH_THE_ATHLETE:
        assert not Base.metadata.tables[name].c.athlete_id.nullable, name


def test_nothing_but_the_list_stands_in_the_way(database_url):
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert in_the_way(connection) == (KEYS_WITHOUT_ATHLETE, REFERENCES_IN_THE_WAY)
        statements = re.findall(r"```sql\n(.*?)```", PAGE.read_text(), re.DOTALL)[0]
        connection.execute(statements.encode())
        assert in_the_way(connection) == (set(), set())
        for table in sorted(WITH_THE_ATHLETE):
            connection.execute(
                f"CREATE TABLE of_{table} (LIKE {table} INCLUDING ALL) "
                "PARTITION BY HASH (athlete_id)".encode()
            )


def test_a_row_is_of_its_activitys_athlete(db):
    activity = make.create_activity(db)
    db.exec_driver_sql(_SAMPLES, (activity,))
    other = make.create_athlete(db)
    with pytest.raises(IntegrityError, match="fk_activity_streams_athlete_id_activity_id"):
        db.exec_driver_sql("UPDATE activity_streams SET athlete_id = %s", (other,))


_SAMPLES = "INSERT INTO activity_streams (activity_id, sample_count, samples) VALUES (%s, 3, 'abc')"
_LEVEL = "INSERT INTO activity_stream_levels (activity_id, points, samples) VALUES (%s, %s, 'abc')"
_ATHLETES = """
    SELECT a.id, a.athlete_id = s.athlete_id, bool_and(a.athlete_id = l.athlete_id), count(l)
    FROM activities a JOIN activity_streams s ON s.activity_id = a.id
    JOIN activity_stream_levels l ON l.activity_id = a.id GROUP BY 1, 2
"""


def test_samples_of_versions_before_get_their_athlete(settings, db):
    """Those from before the migration, and those that a worker of that version writes later."""
    downgrade(settings, "0055")
    before = [make.create_activity(db) for _ in range(2)]
    for activity in before:
        db.exec_driver_sql(_SAMPLES, (activity,))
        for points in (100, 400):
            db.exec_driver_sql(_LEVEL, (activity, points))
    upgrade(settings, "0056")
    later = make.create_activity(db)
    db.exec_driver_sql(
        "WITH s AS (INSERT INTO activity_streams (activity_id, sample_count, samples) "
        "VALUES (%s, 3, 'abc') ON CONFLICT (activity_id) DO UPDATE SET samples = 'abc' "
        "RETURNING activity_id) "
        "INSERT INTO activity_stream_levels (activity_id, points, samples) "
        "SELECT activity_id, points, 'abc' FROM s, unnest(array[100, 400]) points",
        (later,),
    )
    found = db.exec_driver_sql(_ATHLETES).all()
    assert sorted(found) == sorted((each, True, True, 2) for each in (*before, later))
