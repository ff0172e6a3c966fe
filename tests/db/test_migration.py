"""Migrations: up, down, up again, and in step with the models."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, create_engine, event, inspect, text

from db.models import Base
from operator_commands.migrations import downgrade, upgrade
from operator_commands.revisions import missing_revisions
from tests import factories as make


@pytest.fixture
def connection(database_url):
    engine = create_engine(database_url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def tables(connection):
    found = set(inspect(connection).get_table_names())
    connection.rollback()
    return found


def differences(connection):
    options = {"compare_type": True, "compare_server_default": True}
    context = MigrationContext.configure(connection, opts=options)
    return [each for each in compare_metadata(context, Base.metadata) if not is_random_id(each)]


def is_random_id(difference):
    """Alembic evaluates both defaults, and random ids differ: `test_defaults_…` compares the words."""
    kind, *_, new = difference[0] if isinstance(difference, list) else difference
    return kind == "modify_default" and "gen_random_uuid" in str(new.arg)


def test_down_to_nothing_and_up_again(settings, connection):
    everything = tables(connection)
    assert everything == {*Base.metadata.tables, "alembic_version"}
    downgrade(settings, "base")
    assert tables(connection) == {"alembic_version"}
    assert missing_revisions(connection)
    connection.rollback()
    with locks_held_too_long(connection) as held:
        upgrade(settings)
    assert tables(connection) == everything
    assert missing_revisions(connection) == []
    assert held == [], "\n".join(map(str, held))


GROWING = {"activities", "activity_streams", "best_efforts", "gear", "imported_files"}
"""Large tables, whose readers must not wait for a migration longer than a moment."""
CHANGE = re.compile(
    r"ALTER TABLE (?P<altered>\w+) (?P<checks>VALIDATE |ADD CONSTRAINT (?!.* NOT VALID))?"
    r"|CREATE (UNIQUE )?INDEX (?!CONCURRENTLY)\w+ ON (?P<indexed>\w+)",
    re.DOTALL,
)
LOCKED = """SELECT relation::regclass::text FROM pg_locks WHERE pid = pg_backend_pid()
    AND locktype = 'relation' AND mode = 'AccessExclusiveLock'"""
AS_A_WHOLE = "0010"
"""The migration that rewrites tables, and those before it, which were released, are not held to it."""


@contextmanager
def locks_held_too_long(other: Connection) -> Iterator[list[tuple[str, set[str]]]]:
    """Find what migrations do while nobody can read a table.

    That is to check its rows, or to wait for another table. `other` is a connection that sees only
    what is committed: nobody waits for a table that is just being made.
    """
    found = []

    def look(_connection, cursor, statement, *_):
        if (altered := CHANGE.match(statement)) is None:
            return
        table = altered["altered"] or altered["indexed"]
        validates = altered["checks"] or altered["indexed"]
        made = tables(other)
        own = cursor.connection.cursor()
        revision = own.execute("SELECT max(version_num) FROM alembic_version").fetchone()[0]
        locked = {name for (name,) in own.execute(LOCKED)} & GROWING & made
        waits = locked if validates else locked - {table}
        if waits and table in made and revision >= AS_A_WHOLE:
            found.append((statement, waits))

    event.listen(Engine, "before_cursor_execute", look)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", look)


def test_those_that_commit_in_parts_begin_again(settings, db, connection):
    """As if each was interrupted at its end, and 0021 after its first part."""
    downgrade(settings, "0020")
    db.exec_driver_sql(
        "ALTER TABLE activities ADD is_race boolean DEFAULT false NOT NULL, ADD calories_kcal float8, "
        "ADD CONSTRAINT ck_activities_calories_kcal_range CHECK (calories_kcal >= 0) NOT VALID"
    )
    for move, before, after in (
        (upgrade, "0022", "0023"),
        (upgrade, "0025", "0026"),
        (upgrade, "0035", "0036"),
        (upgrade, "0044", "0045"),
        (upgrade, "0050", "0051"),
        (upgrade, "0055", "0056"),
        (upgrade, "0060", "0061"),
        (downgrade, "0056", "0055"),
        (downgrade, "0051", "0050"),
        (downgrade, "0036", "0035"),
    ):
        move(settings, before)
        for _ in range(2):
            db.exec_driver_sql("UPDATE alembic_version SET version_num = %s", (before,))
            move(settings, after)
    upgrade(settings)
    assert differences(connection) == []


def test_the_migrated_database_is_what_the_models_say(connection):
    assert differences(connection) == []


def test_checks_are_what_the_models_say(settings, connection):
    """Alembic does not compare them: make the tables from the models too, and compare PostgreSQL's
    own words.
    """
    query = """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'u') ORDER BY 1, 2"""
    migrated = connection.exec_driver_sql(query).all()
    connection.rollback()
    downgrade(settings, "base")
    Base.metadata.create_all(connection)
    assert connection.exec_driver_sql(query).all() == migrated
    assert len(migrated) > 40


def test_defaults_are_what_the_models_say(settings, connection):
    query = """SELECT table_name, column_name, column_default, is_identity
        FROM information_schema.columns WHERE table_schema = 'public'
        AND table_name <> 'alembic_version' ORDER BY 1, 2"""
    migrated = connection.exec_driver_sql(query).all()
    connection.rollback()
    downgrade(settings, "base")
    Base.metadata.create_all(connection)
    assert connection.exec_driver_sql(query).all() == migrated
    assert sum("gen_random_uuid" in (default or "") for _, _, default, _ in migrated) == 15


def test_every_constraint_has_a_name_of_the_convention(connection):
    query = "SELECT conname, contype FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype NOT IN ('n', 't')"
    prefixes = {"c": "ck_", "f": "fk_", "u": "uq_", "p": "pk_"}
    named = connection.exec_driver_sql(query).all()
    strays = [name for name, kind in named if not name.startswith(prefixes[kind])]
    assert [name for name in strays if not name.startswith("alembic")] == []


def test_every_instant_has_a_zone(connection):
    query = """SELECT table_name || '.' || column_name FROM information_schema.columns
        WHERE table_schema = 'public' AND data_type = 'timestamp without time zone'"""
    assert connection.exec_driver_sql(query).scalars().all() == ["activities.started_at_local"]


def test_every_foreign_key_leads_an_index(connection):
    """Else deleting an athlete reads whole tables."""
    query = """SELECT c.conname FROM pg_constraint c WHERE c.contype = 'f'
        AND c.connamespace = 'public'::regnamespace AND NOT EXISTS (
            SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = ANY (c.conkey))"""
    without = set(connection.exec_driver_sql(query).scalars())
    # Accounts are hardly ever deleted, and what refers to them is set to null.
    assert without <= {"fk_jobs_account_id", "fk_feedback_account_id"}


def test_bests_for_others_are_those_that_a_recalculation_makes(settings, db):
    athlete_id = make.create_athlete(db)
    for day, (visibility, elapsed_s) in enumerate(
        [
            ("EVERYONE", 1300.0),
            ("ONLY_ME", 1200.0),
            ("EVERYONE", 1250.0),
            ("EVERYONE", 1260.0),
            ("ONLY_ME", 1100.0),
        ]
    ):
        make.create_best(
            db,
            athlete_id,
            elapsed_s,
            visibility=visibility,
            started_at=make.NOON + timedelta(days=day),
        )
    queries = (
        "SELECT * FROM personal_bests ORDER BY id",
        "SELECT id, counts_for_others FROM best_efforts ORDER BY id",
    )
    recalculated = [db.exec_driver_sql(query).mappings().all() for query in queries]
    assert sum(best["is_current_for_others"] for best in recalculated[0]) == 1
    downgrade(settings, "0002")
    upgrade(settings)
    assert [db.exec_driver_sql(query).mappings().all() for query in queries] == recalculated


RUNS = """SELECT a.name, o.name AS duplicate_of, s.sample_count, e.distance, e.elapsed_s,
        b.is_current, p.elapsed_s AS previous_s
    FROM activities a LEFT JOIN activities o ON o.id = a.duplicate_of_id
    LEFT JOIN activity_streams s ON s.activity_id = a.id
    LEFT JOIN best_efforts e ON e.activity_id = a.id
    LEFT JOIN personal_bests b ON b.id = e.id AND b.activity_id = a.id
    LEFT JOIN best_efforts p ON p.id = b.previous_id
    ORDER BY a.name, e.distance"""
KEYS = """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE contype = 'f' ORDER BY 1, 2"""
NUMBERS = "SELECT name, id FROM activities ORDER BY id"
EFFORTS = "SELECT elapsed_s, id FROM best_efforts ORDER BY id"


def create_numbered_runs(db):
    """Runs of a version that numbers rows, one of them recorded four times, with all that refers to
    them; also in tables of others.
    """
    athlete_id = make.create_athlete(db)
    first = make.create_activity(db, athlete_id, name="recorded 1")
    for number in (2, 3, 4):
        make.create_activity(
            db, athlete_id, name=f"recorded {number}", duplicate_of_id=first, started_at=make.NOON
        )
    for day, elapsed_s in enumerate((1300.0, 1250.0, 1200.0), start=1):
        make.create_best(db, athlete_id, elapsed_s, started_at=make.NOON + timedelta(days=day))
    db.exec_driver_sql("INSERT INTO activity_streams VALUES (%s, 3, '')", (first,))
    job = make.create_job(db, athlete_id, status="FAILED", checkpoint={"below_id": 5})
    db.exec_driver_sql("CREATE SCHEMA legacy")
    db.exec_driver_sql("CREATE TABLE legacy.ids (kind text, old_id text, new_id bigint)")
    db.exec_driver_sql(
        "INSERT INTO legacy.ids VALUES ('activity', 'a', %s), ('athlete', 'b', %s)",
        (first, athlete_id),
    )
    db.exec_driver_sql(
        "CREATE TABLE notes (of bigint CONSTRAINT of REFERENCES activities ON DELETE CASCADE)"
    )
    db.exec_driver_sql("INSERT INTO notes VALUES (%s)", (first,))
    return athlete_id, job


def test_rows_of_another_athletes_activity_are_refused_with_their_number(settings, db):
    """No program of ours writes them, but a person with psql may have."""
    downgrade(settings, "0063")
    effort_id = make.create_best_effort(db)
    db.execute(
        text("UPDATE best_efforts SET athlete_id = :other WHERE id = :id"),
        {"other": make.create_athlete(db), "id": effort_id},
    )
    with pytest.raises(CommandError, match="best_efforts: 1 rows have the activity_id of another"):
        upgrade(settings)
    kept = db.execute(text("SELECT count(*) FROM best_efforts")).scalar_one()
    assert (kept, missing_revisions(db)) == (1, ["0064"])
    db.execute(text("DELETE FROM best_efforts WHERE id = :id"), {"id": effort_id})
    upgrade(settings)
    assert missing_revisions(db) == []


def test_numbered_rows_get_random_ids_and_their_numbers_back(settings, db):
    downgrade(settings, "0009")
    # what today's statements read and write of a best
    db.exec_driver_sql(
        "ALTER TABLE personal_bests ADD COLUMN start_offset_s float8 DEFAULT 0, "
        "ADD COLUMN age_grade_percent float8, ADD COLUMN age_on_day int"
    )
    db.exec_driver_sql("ALTER TABLE activities ADD COLUMN excluded boolean DEFAULT false")
    athlete_id, job = create_numbered_runs(db)
    db.exec_driver_sql(
        "ALTER TABLE personal_bests DROP COLUMN start_offset_s, DROP COLUMN age_grade_percent, "
        "DROP COLUMN age_on_day"
    )
    db.exec_driver_sql("ALTER TABLE activities DROP COLUMN excluded")
    queries = (RUNS, KEYS, NUMBERS, EFFORTS)
    before = [db.exec_driver_sql(query).all() for query in queries]
    upgrade(settings, "0010")
    after = [db.exec_driver_sql(query).all() for query in queries]
    assert after[:2] == before[:2]
    renamed = dict(after[2])
    assert min(renamed.values()) >= 2**62
    assert min(number for _, number in after[3]) >= 2**62
    of_one_run = [name for name, _ in after[2] if name.startswith("recorded")]
    assert of_one_run == sorted(of_one_run)  # so the same recording counts for others
    old = db.exec_driver_sql("SELECT type_name, old_id, new_id FROM old_ids ORDER BY 1, 2").all()
    by_elapsed = dict(after[3])
    assert old == sorted(
        [("Activity", number, renamed[name]) for name, number in before[2]]
        + [("BestEffort", number, by_elapsed[elapsed_s]) for elapsed_s, number in before[3]]
    )
    ids = "SELECT kind, new_id FROM legacy.ids ORDER BY kind"
    new = renamed["recorded 1"]
    assert db.exec_driver_sql(ids).all() == [("activity", new), ("athlete", athlete_id)]
    assert db.exec_driver_sql("SELECT of FROM notes").scalar_one() == new
    checkpoint = db.exec_driver_sql("SELECT checkpoint FROM jobs WHERE id = %s", (job,))
    assert checkpoint.scalar_one() == {"below_id": 2**63 - 1}
    later = make.create_activity(db, athlete_id, name="later")
    downgrade(settings, "0009")
    db.exec_driver_sql("DELETE FROM activities WHERE id = %s", (later,))
    assert later >= 2**62
    assert [db.exec_driver_sql(query).all() for query in queries] == before
    assert make.create_activity(db, athlete_id) < 2**62
    db.exec_driver_sql("DROP SCHEMA legacy CASCADE")
    db.exec_driver_sql("DROP TABLE notes")
