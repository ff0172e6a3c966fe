"""Migrations: up, down, up again, and in step with the models."""

from datetime import timedelta

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect

from db.models import Base
from local.migrations import downgrade, missing_revisions, upgrade
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
    return compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)


def test_down_to_nothing_and_up_again(settings, connection):
    everything = tables(connection)
    assert everything == {*Base.metadata.tables, "alembic_version"}
    downgrade(settings, "base")
    assert tables(connection) == {"alembic_version"}
    assert missing_revisions(connection)
    connection.rollback()
    upgrade(settings)
    assert tables(connection) == everything
    assert missing_revisions(connection) == []


def test_the_migrated_database_is_what_the_models_say(connection):
    assert differences(connection) == []


def test_checks_are_what_the_models_say(settings, connection):
    """Alembic does not compare them: make the tables from the models too, and compare PostgreSQL's own words."""
    query = """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE connamespace = 'public'::regnamespace AND contype IN ('c', 'f', 'u') ORDER BY 1, 2"""
    migrated = connection.exec_driver_sql(query).all()
    connection.rollback()
    downgrade(settings, "base")
    Base.metadata.create_all(connection)
    assert connection.exec_driver_sql(query).all() == migrated
    assert len(migrated) > 40


def test_every_constraint_has_a_name_of_the_convention(connection):
    query = "SELECT conname, contype FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND contype <> 'n'"
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
            SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indkey[0] = c.conkey[1])"""
    without = set(connection.exec_driver_sql(query).scalars())
    # Accounts are hardly ever deleted, and what refers to them is set to null.
    assert without <= {"fk_jobs_account_id", "fk_feedback_account_id"}


def test_bests_for_others_are_those_that_a_recalculation_makes(settings, db):
    athlete_id = make.create_athlete(db)
    for day, (visibility, elapsed_s) in enumerate(
        [("EVERYONE", 1300.0), ("ONLY_ME", 1200.0), ("EVERYONE", 1250.0), ("EVERYONE", 1260.0), ("ONLY_ME", 1100.0)]
    ):
        make.create_best(db, athlete_id, elapsed_s, visibility=visibility, started_at=make.NOON + timedelta(days=day))
    queries = "SELECT * FROM personal_bests ORDER BY id", "SELECT id, counts_for_others FROM best_efforts ORDER BY id"
    recalculated = [db.exec_driver_sql(query).mappings().all() for query in queries]
    assert sum(best["is_current_for_others"] for best in recalculated[0]) == 1
    downgrade(settings, "0002")
    upgrade(settings)
    assert [db.exec_driver_sql(query).mappings().all() for query in queries] == recalculated
