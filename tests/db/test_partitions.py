"""Tables in partitions: migrations, statements and plans are as for the tables of today."""

import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from sqlalchemy import Connection, Executable, create_engine
from sqlalchemy.dialects.postgresql.psycopg import dialect as psycopg_dialect

from db.statements.activities import moved_samples, recording, rederivation
from db.statements.activities import stream as streams
from db.statements.athletes import exported_data
from db.statements.performance import best_effort, personal_best
from db.statements.visibility import Audience
from operator_commands.migrations import downgrade, upgrade
from operator_commands.revisions import newest_revision
from tests import factories as make
from tests.db.test_migration import differences
from tests.db.test_partition_keys import (
    KEYS_WITHOUT_ATHLETE,
    REFERENCES_IN_THE_WAY,
    in_the_way,
)
from tests.kinds import ROOT
from tests.partitioned import PARTITION, partition, scans

SAMPLE = (
    "tests/jobs/sync/test_stored_held.py",
    "tests/jobs/test_moved_samples.py",
    "tests/db/test_personal_best.py",
)
ALL = (
    *SAMPLE,
    "tests/graph/test_streams.py",
    "tests/db/test_data_version.py",
    "tests/db/test_visibility.py",
    "tests/graph/commands/test_activity.py",
    "tests/graph/commands/test_best_changes.py",
    "tests/graph/plan/test_differential.py",
    "tests/graph/test_performance.py",
    "tests/graph/test_privacy.py",
    "tests/graph/test_ties.py",
    "tests/graph/test_moved_samples.py",
    "tests/jobs/test_recalculation.py",
    "tests/jobs/test_strava_sync.py",
    "tests/jobs/test_source_retention.py",
    "tests/jobs/test_disconnect.py",
    "tests/jobs/exports",
    "tests/operator_commands/test_backups.py",
    "tests/operator_commands/test_rederive.py",
)
FIRST = (("0061", ("samples", "efforts")), ("0064", ("activities",)))
"""The newest migration when tables could be in partitions: those after it must know them."""
ATHLETES = 12
KNOWN_BY_ID = {"a chart for others": ("activities",)}
"""Tables that a statement reads for ids alone: a resolver's; those of plans name the athlete."""
OF_OTHER_SHAPE = {
    "fk_activities_athlete_id_duplicate_of_id",
    "fk_activities_athlete_id_gear_id",
    "fk_personal_bests_athlete_id_id",
    "fk_personal_bests_id",
    "fk_personal_bests_previous_for_others_id",
    "fk_personal_bests_previous_id",
    "ix_activities_id",
    "ix_activity_stream_levels_activity_id",
    "ix_activity_streams_activity_id",
    "ix_best_efforts_activity_id",
    "ix_best_efforts_id",
    "ix_personal_bests_id",
    "uq_activities_athlete_id_id",
    "uq_activity_streams_athlete_id_activity_id",
    "uq_best_efforts_activity_id_distance",
}
"""Keys and references that lead with the athlete, and indexes that find an id alone."""
KEYS_IN_PARTITIONS = {
    "pk_activities",
    "pk_activity_stream_levels",
    "pk_activity_streams",
    "pk_best_efforts",
    "pk_personal_bests",
    "uq_best_efforts_activity_id_distance",
}
REFERENCES_IN_PARTITIONS = {
    "fk_personal_bests_id",
    "fk_personal_bests_previous_for_others_id",
    "fk_personal_bests_previous_id",
}
LINKS_IN_PARTITIONS = {
    "fk_personal_bests_athlete_id_previous_for_others_id",
    "fk_personal_bests_athlete_id_previous_id",
}
"""They set an id to null, in each partition."""


@pytest.mark.parametrize("files", [SAMPLE, pytest.param(ALL, marks=pytest.mark.whole)], ids=len)
def test_our_own_tests_pass_on_partitions(files):
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "tests.partitioned"]
    ran = subprocess.run(
        [*command, *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=1800,
    )
    assert ran.returncode == 0, ran.stdout[-4000:]


@pytest.mark.parametrize(("first", "groups"), FIRST)
def test_migrations_go_on_with_partitions(settings, database_url, first, groups):
    downgrade(settings, first)
    with psycopg.connect(database_url) as db:  # as the version of then
        db.execute("UPDATE alembic_version SET version_num = %s", (newest_revision(),))
    partition(database_url, *groups)
    with psycopg.connect(database_url) as db:
        db.execute("UPDATE alembic_version SET version_num = %s", (first,))
    upgrade(settings)
    engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        found = [each for each in differences(connection) if not is_of_partitions(each)]
    engine.dispose()
    assert found == []


def is_of_partitions(difference: Any) -> bool:
    """Tell whether Alembic saw a partition, a key that leads to one, or what differs in partitions."""
    kind, what = difference
    if kind == "remove_table":
        return PARTITION.fullmatch(what.name) is not None
    if what.name in OF_OTHER_SHAPE:
        return True
    if kind == "remove_index":
        return PARTITION.fullmatch(what.table.name) is not None
    targets = [each.target_fullname.split(".")[0] for each in what.elements]
    return kind == "remove_fk" and all(map(PARTITION.fullmatch, targets))


def test_what_is_in_partitions_is_hardly_in_the_way_any_more(database_url):
    partition(database_url)
    with psycopg.connect(database_url) as connection:
        assert in_the_way(connection) == (
            KEYS_WITHOUT_ATHLETE - KEYS_IN_PARTITIONS,
            REFERENCES_IN_THE_WAY - REFERENCES_IN_PARTITIONS | LINKS_IN_PARTITIONS,
        )


_MANY = """
    INSERT INTO activities SELECT made.* FROM activities a, generate_series(1, 250) number,
        jsonb_populate_record(
            a, jsonb_build_object('id', a.id + number, 'strava_id', a.strava_id + 1000 * number)
        ) made
"""
_SAMPLES = """
    INSERT INTO activity_streams (activity_id, athlete_id, sample_count, samples, marks)
    SELECT id, athlete_id, 3, 'abc', 'abc' FROM activities
"""
_LEVELS = """
    INSERT INTO activity_stream_levels (activity_id, athlete_id, points, samples)
    SELECT activity_id, athlete_id, points, 'abc' FROM activity_streams, unnest(array[100, 400]) points
"""


_EFFORTS = """
    INSERT INTO best_efforts (athlete_id, activity_id, distance, distance_m, elapsed_s, start_offset_s,
        achieved_at, provenance, implied, counts)
    SELECT athlete_id, id, 'KM5', 5000, 1000 + row_number() OVER (ORDER BY id DESC), 0,
        started_at + row_number() OVER (ORDER BY id) * interval '1 h', 'STREAM', false, true
    FROM activities
"""
_FILES = """
    INSERT INTO moved_samples SELECT athlete_id, activity_id, 7, 'FOLDER', sha256('x'), 9
    FROM activity_streams
"""


@pytest.fixture
def one(db, database_url) -> Any:
    """An activity of one of many athletes with many activities each, in partitions."""
    athletes = [make.create_athlete(db) for _ in range(ATHLETES)]
    activities = [make.create_activity(db, athlete) for athlete in athletes]
    for statement in (_MANY, _SAMPLES, _LEVELS, _FILES, _EFFORTS):
        db.exec_driver_sql(statement)
    for each in athletes:
        make.recalculate_bests(db, each)
    partition(database_url)
    db.exec_driver_sql("ANALYZE")
    return SimpleNamespace(id=activities[5], athlete_id=athletes[5])


def looked_at(db: Connection, statement: Executable, values: dict[str, Any], *but: str) -> set[str]:
    """The partitions, by their numbers, that PostgreSQL reads for a statement, which it runs.

    Those of the tables `but` are left out.
    """
    compiled = statement.compile(dialect=psycopg_dialect())
    explained = f"EXPLAIN (ANALYZE, FORMAT JSON) {compiled}"
    [plan] = db.exec_driver_sql(explained, compiled.construct_params(values)).scalar_one()
    return {number for table, number in scans(plan["Plan"]) if table not in but}


def statements(one: Any) -> dict[str, tuple[Executable, dict[str, Any]]]:
    viewer = {"viewer_athlete_id": one.athlete_id, "viewer_account_id": None}
    labels = ("sample_count", "samples", "marks", "positions", "shown")
    athlete, owner = {"athlete": one.athlete_id}, streams.values_of_owners([one])
    of_one = {**athlete, "activity": one.id, "activity_id": one.id, "owner_id": one.athlete_id}
    page = {**athlete, "most": 10, "after_id": 0, "age_s": 0.0}
    athletes = {"athlete_ids": [one.athlete_id]}
    removals = {
        f"delete of {place}": (statement, of_one)
        for place, statement in enumerate(rederivation.forget_parts())
    }
    return {
        "a chart": (
            streams.chart(labels, Audience.ATHLETE, has_range=False),
            {"keys": [one.id], "max_points": 60, **viewer},
        ),
        "a chart for others": (
            streams.chart(labels, Audience.ATHLETE_WITH_SHARING, has_range=False),
            {"keys": [one.id], "max_points": 60, **viewer},
        ),
        "samples to derive from": (streams.samples(), owner),
        "recordings of runs": (recording.recordings(), athlete),
        "an export": (exported_data.stream_page(is_first=True, with_positions=False), page),
        "samples to move": (moved_samples.stored_here(), page),
        "efforts that count": (best_effort.update_counts(), athletes),
        "grades of efforts": (best_effort.to_grade(), {"athlete_id": one.athlete_id}),
        "bests that go": (personal_best.take_back(), athletes),
        "current bests": (personal_best.current_bests(), athletes),
        "levels that go": (streams.discard_levels(), of_one),
        **removals,
        "samples that go": (streams.discard(), owner),
    }


def test_what_is_asked_of_one_athlete_reads_one_partition(db, one):
    # which would read small tables whole
    db.exec_driver_sql("SET enable_hashjoin = off; SET enable_mergejoin = off")
    wrong = {
        name: found
        for name, (statement, values) in statements(one).items()
        if len(found := looked_at(db, statement, values, *KNOWN_BY_ID.get(name, ()))) > 1
    }
    assert wrong == {}
    assert db.exec_driver_sql("SELECT count(*) FROM activity_streams").scalar_one() > 3000


def test_an_id_alone_is_looked_up_by_an_index_of_each_partition(db, one):
    db.exec_driver_sql("SET enable_seqscan = off")  # a partition of a few rows is read whole
    plan = db.exec_driver_sql(
        "EXPLAIN SELECT FROM activity_streams s JOIN activity_stream_levels l USING (activity_id) "
        f"WHERE s.activity_id = {one.id}"
    ).scalars()
    assert "Seq Scan" not in "\n".join(plan)
