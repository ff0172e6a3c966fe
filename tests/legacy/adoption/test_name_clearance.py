"""`pacegraph migrate` on the older service's database."""

import threading
import time

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from cli import main
from legacy.adoption import name_clearance
from operator_commands.doctor import diagnose
from operator_commands.migrations import downgrade, upgrade
from tests.legacy.adoption.world import OLD_TABLES, World


@pytest.fixture
def template(restored):
    return restored


@pytest.fixture
def unmigrated(settings, capsys):
    world = World(settings, capsys)
    yield world
    world.close()


def tables(world, schema):
    rows = world.rows(
        "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace AND relkind = 'r'",
        schema,
    )
    return {row["relname"] for row in rows}


def oids(world):
    return world.rows(
        "SELECT relname, oid FROM pg_class WHERE relname IN ('athlete', 'activity', 'activity_split') ORDER BY 1"
    )


def test_what_collides_is_moved_aside_and_nothing_else(settings, unmigrated, monkeypatch):
    before = oids(unmigrated)
    feedback = unmigrated.value("SELECT 'public.feedback'::regclass::oid")
    filenode = unmigrated.value("SELECT pg_relation_filenode('public.feedback')")
    monkeypatch.setenv("DATABASE_URL", settings.database_url.get_secret_value())
    assert main(["migrate"]) == 0
    assert tables(unmigrated, "legacy") == {"feedback", "alembic_version"}
    assert unmigrated.value("SELECT 'legacy.feedback'::regclass::oid") == feedback
    # not rewritten
    assert unmigrated.value("SELECT pg_relation_filenode('legacy.feedback')") == filenode
    assert unmigrated.value("SELECT version_num FROM legacy.alembic_version") == "add_pb_age_0042"
    assert oids(unmigrated) == before
    assert unmigrated.value("SELECT count(*) FROM legacy.feedback") == 5
    assert unmigrated.value("SELECT count(*) FROM weekly_volume") > 0
    assert (
        unmigrated.value("SELECT to_regclass('public.ix_activities_athlete_id_started_at_legacy')")
        is not None
    )


def test_the_old_service_goes_on_with_a_search_path(settings, unmigrated):
    upgrade(settings)
    unmigrated.rows("SELECT 1")
    unmigrated.write("SET search_path = legacy, public")
    unmigrated.write(
        "INSERT INTO feedback VALUES (gen_random_uuid(), NULL, 'still here', NULL, now())"
    )
    assert unmigrated.value("SELECT count(*) FROM feedback JOIN athlete ON false") == 0
    assert unmigrated.value("SELECT count(*) FROM legacy.feedback") == 6


def test_migrating_again_moves_nothing(settings, unmigrated):
    upgrade(settings)
    before = tables(unmigrated, "legacy"), tables(unmigrated, "public")
    upgrade(settings)
    downgrade(settings, "-1")
    upgrade(settings)
    assert (tables(unmigrated, "legacy"), tables(unmigrated, "public")) == before


def test_an_old_revision_that_is_called_as_one_of_ours(settings, unmigrated):
    unmigrated.write("UPDATE alembic_version SET version_num = '0002'")
    upgrade(settings)
    assert unmigrated.value("SELECT version_num FROM legacy.alembic_version") == "0002"
    assert {"athletes", "jobs"} <= tables(unmigrated, "public")


def test_tables_in_the_plural_are_moved_and_adopted(settings, unmigrated):
    for name in ("athlete", "activity", "best_effort", "personal_best"):
        plural = {"activity": "activities"}.get(name, f"{name}s")
        unmigrated.write(f"ALTER TABLE {name} RENAME TO {plural}")
    upgrade(settings)
    assert {"athletes", "activities", "best_efforts", "personal_bests"} <= tables(
        unmigrated, "legacy"
    )
    assert (
        "legacy.activities: 311 rows, 301 adopted, 1 joined to rows that were there, 9 kept aside"
        in unmigrated.adopt()
    )
    assert unmigrated.run(verify=True)[0] == 0


def test_another_applications_database_is_left_alone(settings, unmigrated):
    unmigrated.write("ALTER TABLE athlete RENAME TO sportsman")
    with pytest.raises(Exception, match="add_pb_age_0042"):
        upgrade(settings)
    assert unmigrated.value("SELECT count(*) FROM pg_namespace WHERE nspname = 'legacy'") == 0
    assert unmigrated.value("SELECT version_num FROM public.alembic_version") == "add_pb_age_0042"


def test_a_busy_table_is_waited_for_and_hardly_holds_the_old_service_up(settings, unmigrated):
    """Somebody reads feedback in a transaction of 3 s: readers that come later wait for one attempt
    at most.
    """
    url = settings.database_url.get_secret_value()
    waits = []
    with psycopg.connect(url) as reader:
        reader.execute("SELECT count(*) FROM feedback")
        migration = threading.Thread(target=upgrade, args=(settings,))
        migration.start()
        end = time.monotonic() + 3
        with psycopg.connect(url, autocommit=True) as another:
            while time.monotonic() < end:
                began = time.monotonic()
                another.execute("SELECT count(*) FROM feedback")
                waits.append(time.monotonic() - began)
                time.sleep(0.05)
        reader.rollback()
        migration.join(20)
    assert not migration.is_alive()
    assert max(waits) < 2.5
    assert "feedback" in tables(unmigrated, "legacy")


def test_a_table_that_is_never_free_ends_the_command_with_nothing_moved(
    settings, unmigrated, monkeypatch
):
    monkeypatch.setattr(name_clearance, "_ATTEMPTS", 1)
    with psycopg.connect(settings.database_url.get_secret_value()) as reader:
        reader.execute("SELECT count(*) FROM feedback")
        with pytest.raises(OperationalError, match="lock timeout"):
            upgrade(settings)
        reader.rollback()
    assert unmigrated.value("SELECT to_regclass('public.feedback')") is not None
    upgrade(settings)
    assert "feedback" in tables(unmigrated, "legacy")


def test_back_to_the_beginning(settings, unmigrated):
    """docs/adoption.md, Going back: nothing of pacegraph is left, and the old service finds
    everything.
    """
    before = {name: unmigrated.value(f"SELECT count(*) FROM public.{name}") for name in OLD_TABLES}
    upgrade(settings)
    unmigrated.adopt()
    unmigrated.adopt(undo=True)
    downgrade(settings, "base")
    unmigrated.write("DROP TABLE public.alembic_version")
    for name in ("feedback", "alembic_version"):
        unmigrated.write(f"ALTER TABLE legacy.{name} SET SCHEMA public")
    unmigrated.write("DROP SCHEMA legacy")
    assert {
        name: unmigrated.value(f"SELECT count(*) FROM public.{name}") for name in OLD_TABLES
    } == before
    assert tables(unmigrated, "public") == set(OLD_TABLES)


def test_commands_say_what_is_missing(settings, unmigrated, capsys):
    assert unmigrated.run()[0] == 1
    upgrade(settings)
    for wanted in ({"verify": True}, {"undo": True}):
        assert unmigrated.run(**wanted)[0] == 1
    diagnose(settings)
    assert "the database is up to date" in capsys.readouterr().out
