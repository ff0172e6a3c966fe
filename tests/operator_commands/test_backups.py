"""`pacegraph backup` and `restore`, on PostgreSQL and Redis, while others write."""

import json
import os
import shutil
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import Self

import psycopg
import pytest
from pydantic import SecretStr
from redis import Redis
from sqlalchemy import text

import cli
from db.encryption import KeyRing
from db.models import OriginalPlace
from db.original_files import StoredOriginals
from db.session import SyncDatabase
from db.statements.files import original
from db.statements.server import backup as statements
from flags.store import HASH
from jobs.enqueue import enqueue, queued_ids
from jobs.reconcile import Reconciler
from local.generated_secrets import new_encryption_key
from local.postgres import programs_folder
from operator_commands.migrations import downgrade
from operator_commands.move_samples import move_samples
from operator_commands.revisions import newest_revision
from runtime.clock import utc_now
from runtime.original_folder import OriginalFolder
from runtime.redis_clients import CACHED_ANSWERS
from tests import factories as make
from tests.logs.log_state import logs_restored
from tests.originals import create_original
from tests.s3_server import S3Server

TABLES = ("activities", "athletes", "jobs", "originals", "personal_bests", "strava_connections")
MIGRATIONS = """
import psycopg, sys
[url] = [each[9:] for each in sys.argv if each.startswith('--dbname=')]
with psycopg.connect(url) as connection:
    counts = [connection.execute('SELECT count(*) FROM ' + name).fetchone()[0]
        for name in ('alembic_version', 'athletes')]
    print(counts[0], 'migrations,', counts[1], 'athletes')
"""
"""A program that tells what stands in the database of `--dbname=`."""


@pytest.fixture
def command(settings, monkeypatch, capsys):
    before = os.umask(0o022)

    def run(*arguments: object, **changes: object) -> tuple[int, str]:
        monkeypatch.setattr("cli.load_settings", lambda: settings.model_copy(update=changes))
        with logs_restored():
            code = cli.main([str(each) for each in arguments])
        output = capsys.readouterr()
        return code, output.out + output.err

    yield run
    os.umask(before)


@pytest.fixture
def world(db, settings) -> int:
    """An athlete with a personal best, an original in the folder, tokens, and jobs; gives a job."""
    person = make.create_person(db)
    make.create_best(db, person.athlete_id)
    activity = make.create_activity(db, person.athlete_id)
    original = create_original(db, person.athlete_id, activity, place="FOLDER", content=None)
    OriginalFolder(settings).write(original, b"as it came")
    token = KeyRing(settings.token_encryption_keys).encrypt(SecretStr("of Strava"))
    make.create_connection(db, person.athlete_id, access_token=token, refresh_token=token)
    make.create_job(db, person.athlete_id, status="RUNNING")
    return make.create_job(db, person.athlete_id, status="QUEUED", kind="PERSONAL_BESTS")


def rows(db) -> dict[str, list]:
    return {
        name: [tuple(row) for row in db.execute(text(f"SELECT * FROM {name} ORDER BY 1"))]
        for name in TABLES
    }


def destroy(db, settings) -> None:
    db.execute(text("DROP SCHEMA public CASCADE"))
    db.execute(text("CREATE SCHEMA public"))
    for number in list(OriginalFolder(settings).ids()):
        OriginalFolder(settings).remove(number)


class Writer:
    """Somebody who writes while a backup is made."""

    def __init__(self, url: str) -> None:
        self._url, self._ending = url, threading.Event()
        self.wrote = 0
        self._thread = threading.Thread(target=self._write)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ending.set()
        self._thread.join()

    def _write(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            while not self._ending.is_set():
                connection.execute("UPDATE athletes SET city = city || 'x'")
                self.wrote += 1


def test_what_was_destroyed_comes_back_as_it_was_at_one_moment(
    command, db, world, settings, database_url, tmp_path
):
    to = tmp_path / "backup"
    before = rows(db)
    code, told = command("backup", to)
    assert (code, told[: len(str(to))]) == (0, str(to))
    with Writer(database_url) as writer:
        code, _ = command("backup", tmp_path / "under writes")
        assert code == 0
    assert writer.wrote > 20
    assert to.stat().st_mode & 0o777 == 0o700
    assert all(each.stat().st_mode & 0o077 == 0 for each in to.rglob("*"))
    manifest = json.loads((to / "manifest.json").read_text())
    assert manifest["rows"]["jobs"] == 2
    key = settings.token_encryption_keys[0].get_secret_value()
    assert len(manifest["keys"]) == 1
    assert all(key.encode() not in each.read_bytes() for each in to.rglob("*") if each.is_file())
    code, told = command("backup", to)
    assert (code, "exists. Name a folder" in told) == (1, True)
    in_s3 = make.create_athlete(db)
    create_original(db, in_s3, make.create_activity(db, in_s3), place="S3", content=None)
    code, told = command("backup", tmp_path / "of S3")
    assert (code, "Set ORIGINALS_S3_BUCKET, ORIGINALS_S3_ACCESS" in told) == (1, True), told
    code, told = command("backup", tmp_path / "not of S3", "--without-s3")
    assert (code, "1 originals are in S3, and not in the backup" in told) == (0, True), told

    destroy(db, settings)
    with Redis.from_url(settings.redis_url.get_secret_value()) as redis:
        redis.set(f"{CACHED_ANSWERS}of later rows", b"{}")
        redis.hset(HASH, "a flag", "on")
        assert enqueue(redis, 4711)
        code, told = command("restore", to)
        assert (code, "restored" in told) == (0, True), told
        assert not list(redis.scan_iter(f"{CACHED_ANSWERS}*"))
        assert queued_ids(redis) == set()
        assert redis.hget(HASH, "a flag") == b"on"
    assert rows(db) == before
    [original] = OriginalFolder(settings).ids()
    assert OriginalFolder(settings).path_of(original).read_bytes() == b"as it came"
    # Triggers and sequences, too: a change is noticed, and a new row has a new id.
    athlete = before["athletes"][0][0]
    version = text("SELECT data_version FROM athletes WHERE id = :id").bindparams(id=athlete)
    kept = db.execute(version).scalar_one()
    make.create_activity(db, athlete)
    assert db.execute(version).scalar_one() > kept

    code, told = command("restore", tmp_path / "under writes", "--replace", "--yes")
    assert code == 0, told
    cities = db.execute(text("SELECT DISTINCT length(city) FROM athletes")).scalars().all()
    assert len(cities) == 1, "a backup mixes two moments"
    for schema in (statements.SET_ASIDE, statements.REPLACED):
        assert db.execute(statements.is_there(schema)).scalar_one() is False


def test_a_restore_is_refused_before_it_touches_anything(command, db, world, settings, tmp_path):
    to = tmp_path / "backup"
    assert command("backup", to)[0] == 0
    before = rows(db)

    def refused(said: str, *options: str, source=to, **changes: object) -> None:
        code, told = command("restore", source, "--yes", *options, **changes)
        assert (code, said in told) == (1, True), told
        assert rows(db) == before

    refused("--replace")
    refused("has no manifest.json", "--replace", source=tmp_path)
    other = (SecretStr(new_encryption_key()),)
    refused("lacks the key with the fingerprint", "--replace", token_encryption_keys=other)
    refused("Name the folder of PostgreSQL's programs", "--replace", "--programs", str(tmp_path))
    database = SyncDatabase(settings, application_name="pacegraph-worker")
    with database.read() as connection:
        connection.execute(text("SELECT 1"))
        refused("pacegraph-worker uses the database", "--replace")
    database.close()

    def changed(name: str, **facts: object):
        copy = tmp_path / name
        shutil.copytree(to, copy)
        manifest = json.loads((copy / "manifest.json").read_text())
        (copy / "manifest.json").write_text(json.dumps(manifest | facts))
        return copy

    refused("a newer pacegraph made it", "--replace", source=changed("newer", format=2))
    refused("migration 9999", "--replace", source=changed("later", migration="9999"))
    refused("is of PostgreSQL 99", "--replace", source=changed("version", postgres=990_000))
    refused("is damaged", "--replace", source=changed("form", rows=None))
    torn = changed("torn")
    dumped = next(each for each in (torn / "database").iterdir() if each.name.endswith(".gz"))
    dumped.write_bytes(dumped.read_bytes()[:-1])
    refused(f"{dumped.name} is damaged", "--replace", source=torn)
    dumped.unlink()
    refused(f"{dumped.name} is missing", "--replace", source=torn)


def test_what_fails_or_is_killed_midway_leaves_the_rows_as_they_were(
    command, db, world, settings, tmp_path
):
    to = tmp_path / "backup"
    assert command("backup", to)[0] == 0
    make.create_athlete(db)
    before = rows(db)
    programs = tmp_path / "programs"
    programs.mkdir()
    real = programs_folder() / "bin"
    (programs / "pg_dump").symlink_to(real / "pg_dump")
    lists = f'#!/bin/sh\n[ "$1" = --list ] && exec {real}/pg_restore "$@"\n'
    looks = f'{real}/pg_restore "$@"\n{sys.executable} -c "{MIGRATIONS}" "$@" > {tmp_path}/told\n'
    fails = 'echo "pg_restore: error: the disk is full" >&2\nexit 1\n'
    (programs / "pg_restore").write_text(lists + looks + fails)
    (programs / "pg_restore").chmod(0o755)
    code, told = command("restore", to, "--replace", "--yes", "--programs", programs)
    assert (code, "pg_restore: the disk is full" in told) == (1, True), told
    assert rows(db) == before
    # Whoever is killed here leaves a database that no server takes for its own.
    assert (tmp_path / "told").read_text() == "0 migrations, 1 athletes\n"
    for statement in statements.set_aside(["pg_trgm"]):  # as a restore that was killed leaves it
        db.execute(statement)
    code, told = command("restore", to)
    assert (code, "an earlier restore did not end" in told) == (1, True), told
    assert rows(db) == before
    # One that was killed when the new rows were whole: they stay.
    db.execute(text(f"CREATE SCHEMA {statements.REPLACED}"))
    code, told = command("restore", to)
    assert (code, "what it had replaced" in told, "is not empty" in told) == (1, True, True), told
    assert rows(db) == before
    assert db.execute(statements.is_there(statements.REPLACED)).scalar_one() is False
    left = OriginalFolder(settings).path_of(0).with_name(".restored-by-one-that-was-killed")
    left.mkdir()
    # With another key athletes connect again; the rest is there.
    keys = (SecretStr(new_encryption_key()),)
    options = ("--replace", "--yes", "--forget-connections")
    code, told = command("restore", to, *options, token_encryption_keys=keys)
    assert code == 0, told
    assert not left.exists()
    kept = rows(db)
    assert kept["activities"] == before["activities"]
    tokens = db.execute(text("SELECT access_token FROM strava_connections")).scalars().all()
    assert {KeyRing(keys).decrypt(bytes(each)).get_secret_value() for each in tokens} == {
        "forgotten"
    }


STATISTICS = """
    SELECT attname, null_frac, avg_width, n_distinct, histogram_bounds::text
    FROM pg_stats WHERE schemaname = 'public' AND tablename = '{}' ORDER BY 1
"""


def test_a_database_of_an_earlier_version_is_saved_and_replaced(
    command, db, world, settings, tmp_path
):
    """As by who installs a version, and makes a backup before migrating."""
    downgrade(settings, "0057")
    of_athletes, of_jobs = (text(STATISTICS.format(each)) for each in ("athletes", "jobs"))
    db.execute(text("ANALYZE athletes"))
    make.create_athlete(db)  # since then
    statistics, others = (db.execute(each).all() for each in (of_athletes, of_jobs))
    assert (len(statistics) > 5, others) == (True, [])
    code, told = command("backup", tmp_path / "backup")
    assert code == 0, told
    code, told = command("restore", tmp_path / "backup", "--replace", "--yes")
    assert code == 0, told
    assert list(db.execute(original.at(), {"at_place": "FOLDER"}).scalars()) == list(
        OriginalFolder(settings).ids()
    )
    assert db.execute(of_athletes).all() == statistics, "they come along"
    assert len(db.execute(of_jobs).all()) > 5, "those that lacked are gathered"


def test_tables_on_their_way_in_an_earlier_version_are_given_up(command, db, settings, tmp_path):
    """No migration runs while they are there, and those that wrote into them are not any more."""
    downgrade(settings, "0063")
    for suffix in ("next", "former"):
        db.exec_driver_sql(f"CREATE TABLE moved_samples_{suffix} (LIKE moved_samples)")
    assert command("backup", tmp_path / "backup")[0] == 0
    code, told = command("restore", tmp_path / "backup", "--replace", "--yes")
    assert code == 0, told
    left = "SELECT relname FROM pg_class WHERE relname ~ '_(next|former)$'"
    assert db.exec_driver_sql(left).scalars().all() == []
    version = "SELECT version_num > '0063' FROM alembic_version"
    assert db.exec_driver_sql(version).scalar_one()


def test_tables_on_their_way_are_given_up_after_a_migration_ended(
    command, db, settings, database_url, tmp_path
):
    downgrade(settings, "0063")
    db.exec_driver_sql("CREATE TABLE moved_samples_next (LIKE moved_samples)")
    assert command("backup", tmp_path / "backup")[0] == 0
    with psycopg.connect(database_url) as migrating:
        migrating.execute("SELECT pg_advisory_lock(%s)", (0x70616365,))
        waited = threading.Thread(target=end_when_waited_for, args=(migrating, database_url))
        waited.start()
        code, told = command("restore", tmp_path / "backup", "--replace", "--yes")
        waited.join()
    assert code == 0, told
    version = "SELECT to_regclass('moved_samples_next') IS NULL, version_num FROM alembic_version"
    assert tuple(db.exec_driver_sql(version).one()) == (True, newest_revision())


WAITING = """
    SELECT count(*) > 0 FROM pg_locks JOIN pg_database d ON d.oid = database
    WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
"""


def end_when_waited_for(migrating: psycopg.Connection, database_url: str) -> None:
    """Give the lock of migrations back when somebody has waited for it; after 60 s in any case."""
    until = time.monotonic() + 60
    with psycopg.connect(database_url, autocommit=True) as looks:
        while not looks.execute(WAITING).fetchone()[0] and time.monotonic() < until:
            time.sleep(0.02)
    migrating.execute("SELECT pg_advisory_unlock(%s)", (0x70616365,))
    migrating.commit()


def test_originals_in_s3_are_copied_and_put_back(command, db, settings, tmp_path):
    server, to = S3Server(tmp_path / "s3"), tmp_path / "backup"
    used = server.used_by(settings)
    access = {n: getattr(used, n) for n in used.model_fields_set if n.startswith("originals")}
    athlete = make.create_athlete(db)

    def create(*contents: bytes | None) -> list[int]:
        activities = [make.create_activity(db, athlete) for _ in contents]
        s3 = {"place": "S3", "content": None}
        made = [create_original(db, athlete, each, b"%d" % each, **s3) for each in activities]
        for number, content in zip(made, contents, strict=True):
            if content:
                StoredOriginals(used).write(OriginalPlace.S3, number, content)
        return made

    def move_samples_of_an_old_run() -> int:
        began = utc_now() - timedelta(days=400)
        activity = make.create_activity(db, athlete, started_at=began)
        make.create_streams(db, activity, make.samples(10))
        assert move_samples(used, to="s3", older_than_days=365, athlete=None) == 0
        return db.execute(text("SELECT file_id FROM moved_samples")).scalar_one()

    try:
        first, second, _ = create(b"as it came", b"as this came", None)
        samples = move_samples_of_an_old_run()
        code, told = command("backup", to, **access)
        assert (code, "1 originals have no object in ORIGINALS_S3_BUCKET" in told) == (0, True), (
            told
        )
        before = rows(db)
        [later] = create(b"after the backup")
        server.empty()
        with_later = rows(db)
        code, told = command("restore", to, "--replace", "--yes")
        assert (code, "has originals of S3. Set ORIGINALS_S3_BUCKET" in told) == (1, True), told
        server.kill()
        code, told = command("restore", to, "--replace", "--yes", **access)
        assert (code, "cannot be put in the bucket" in told) == (1, True), told
        assert rows(db) == with_later
        removals = text("SELECT original_id FROM original_removals")
        assert set(db.execute(removals).scalars()) == {
            first,
            second,
            samples,
        }  # as none may be forgotten
        server.start()
        code, told = command("restore", to, "--replace", "--yes", **access)
        assert code == 0, told
    finally:
        server.kill()
    assert rows(db) == before
    assert server.names() == {f"originals/{each}" for each in (first, second, samples)}
    assert db.execute(removals).scalars().all() == [later]


def test_jobs_of_a_backup_go_on(db, world, settings, command, tmp_path, reconciled):
    """Queued ones are enqueued; one that ran is taken from the worker that had it."""
    hour_ago = {"then": datetime.now(UTC) - timedelta(hours=1)}
    for column, status in (("lease_until", "RUNNING"), ("enqueued_at", "QUEUED")):
        of_status = text(f"UPDATE jobs SET {column} = :then WHERE status = '{status}'")
        db.execute(of_status, hour_ago)
    assert command("backup", tmp_path / "backup")[0] == 0
    destroy(db, settings)
    assert command("restore", tmp_path / "backup")[0] == 0
    assert reconciled() == set(db.execute(text("SELECT id FROM jobs")).scalars())


@pytest.fixture
def reconciled(settings):
    def run() -> set[int]:
        database = SyncDatabase(settings, application_name="tests")
        with Redis.from_url(settings.redis_url.get_secret_value()) as redis:
            reconciler = Reconciler(settings, database, redis)
            for _ in range(2):
                reconciler.run_once()
            found = queued_ids(redis)
        database.close()
        return found

    return run
