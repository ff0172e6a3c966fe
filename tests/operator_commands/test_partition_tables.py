"""`pacegraph partition-tables`: tables move into partitions and back while others work."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any, Self

import psycopg
import pytest
from sqlalchemy import Connection, event, text
from sqlalchemy.exc import IntegrityError

import cli
from db.statements.activities import stream as streams
from jobs.sync.personal_bests import write_efforts
from jobs.sync.stored_streams import EncodedStreams, store_streams
from operator_commands import partition_tables as module
from operator_commands.migrations import downgrade
from tests import factories as make
from tests.kinds import ROOT
from tests.logs.log_state import logs_restored

pytestmark = pytest.mark.whole

SAMPLES = ("activity_streams", "activity_stream_levels", "moved_samples")
EFFORTS = ("best_efforts", "personal_bests")
ACTIVITIES = ("activities",)
TABLES = SAMPLES + EFFORTS + ACTIVITIES
GROUPS = {"samples": SAMPLES, "efforts": EFFORTS, "activities": ACTIVITIES}
DIGEST = "SELECT count(*), md5(string_agg(md5(t::text), '' ORDER BY t::text)) FROM {} t"
SHAPE = """
    SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), convalidated
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT tablename, indexname, indexdef, NULL FROM pg_indexes WHERE schemaname = 'public'
    UNION ALL SELECT tgrelid::regclass::text, tgname, pg_get_triggerdef(oid) || tgenabled::text, NULL
    FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT attrelid::regclass::text, attname,
        format('%%s %%s %%s %%s', format_type(atttypid, atttypmod), attnotnull, attstorage,
            (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef
                WHERE adrelid = attrelid AND adnum = attnum)), NULL
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid
    WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace AND attnum > 0
    UNION ALL SELECT 'function', proname, pg_get_functiondef(oid), NULL FROM pg_proc
    WHERE pronamespace = 'public'::regnamespace AND prokind = 'f' AND prolang <> 13
    UNION ALL SELECT 'access', relname, relacl::text, NULL FROM pg_class WHERE relacl IS NOT NULL
        AND relnamespace = 'public'::regnamespace
    ORDER BY 1, 2, 3
"""
NOTES = (
    "CREATE TABLE notes (a bigint, b bigint, CONSTRAINT noted FOREIGN KEY (a, b) "
    "REFERENCES activity_streams (athlete_id, activity_id))"
)
UNCHECKED = "SELECT conname FROM pg_constraint WHERE NOT convalidated"
OF_BESTS = "CREATE TABLE notes (a bigint CONSTRAINT noted REFERENCES personal_bests (id))"
OF_ACTIVITIES = "CREATE TABLE notes (a bigint CONSTRAINT noted REFERENCES activities (id))"
IS_THERE = "SELECT to_regclass(%s) IS NOT NULL"
OF_FILES = """
    INSERT INTO moved_samples SELECT athlete_id, activity_id, 7, 'FOLDER', sha256('x'), 9
    FROM activity_streams WHERE activity_id = %s
"""


@pytest.fixture
def command(settings, monkeypatch, capsys) -> Callable[..., tuple[int, str]]:
    monkeypatch.setattr("cli.load_settings", lambda: settings)

    def run(*arguments: str, name: str = "partition-tables") -> tuple[int, str]:
        with logs_restored():
            code = cli.main([name, *arguments])
        return code, "".join(capsys.readouterr())

    return run


@pytest.fixture
def runs(db) -> list[Any]:
    """Activities with samples of five athletes, of which one's are in a file. Each is a best, twice."""
    made = []
    for _ in range(5):
        athlete = make.create_athlete(db)
        for number in range(4):
            day = make.NOON + timedelta(days=number)
            activity = make.create_activity(db, athlete, started_at=day)
            make.create_streams(db, activity, make.samples(300 + number, every_column=True))
            for distance, elapsed_s in (("KM5", 1200.0), ("KM10", 2500.0)):
                faster_s = elapsed_s - 10 * number
                make.create_best_effort(db, activity, distance=distance, elapsed_s=faster_s)
            made.append(SimpleNamespace(id=activity, athlete_id=athlete))
        make.recalculate_bests(db, athlete)
    db.exec_driver_sql(
        "UPDATE activity_streams SET samples = '' WHERE activity_id = %s", (made[0].id,)
    )
    db.exec_driver_sql(OF_FILES, (made[0].id,))
    return made


def digests(db: Connection) -> list[Any]:
    return [tuple(db.exec_driver_sql(DIGEST.format(each)).one()) for each in TABLES]


def shape(db: Connection) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.exec_driver_sql(SHAPE)]


def partitions(db: Connection, table: str) -> dict[str, int]:
    """The rows of each partition of a table."""
    query = "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = %s::regclass"
    names = db.exec_driver_sql(query, (table,)).scalars().all()
    counted = "SELECT count(*) FROM {}"
    return {name: db.exec_driver_sql(counted.format(name)).scalar_one() for name in names}


def test_into_partitions_into_others_and_back(command, db, runs):
    db.exec_driver_sql("CREATE ROLE readers; GRANT SELECT ON activity_streams TO readers")
    try:
        rows, plain = digests(db), shape(db)
        assert rows[0][0] == 20
        assert rows[2][0] == 1
        assert [count for count, _ in rows[3:]] == [40, 40, 20]
        for count in (4, 7):
            assert command("--partitions", str(count))[0] == 0
            assert digests(db) == rows
            for table, (all_rows, _) in zip(TABLES, rows, strict=True):
                found = partitions(db, table)
                assert len(found) == count
                assert sum(found.values()) == all_rows
            for table in ("activity_streams", *EFFORTS, *ACTIVITIES):
                assert len([each for each in partitions(db, table).values() if each]) > 1
            assert db.exec_driver_sql(UNCHECKED).scalars().all() == []
        assert command("--partitions", "1")[0] == 0
        assert digests(db) == rows
        assert shape(db) == plain
    finally:
        db.exec_driver_sql("DROP OWNED BY readers; DROP ROLE readers")


def test_versions_rise_and_levels_go_in_partitions_as_in_tables(command, db, runs):
    run = runs[3]
    version = "SELECT data_version FROM athletes WHERE id = %s"

    def versions_after(statement: str) -> tuple[bool, bool]:
        before = [
            db.exec_driver_sql(version, (each.athlete_id,)).scalar_one() for each in (run, runs[-1])
        ]
        db.exec_driver_sql(statement, (run.id,))
        after = [
            db.exec_driver_sql(version, (each.athlete_id,)).scalar_one() for each in (run, runs[-1])
        ]
        return before[0] != after[0], before[1] != after[1]

    assert command("--partitions", "4")[0] == 0
    assert versions_after("UPDATE activity_streams SET duration_s = 5 WHERE activity_id = %s") == (
        True,
        False,
    )
    # as a version before 0.3 writes it
    db.exec_driver_sql(
        "UPDATE activity_streams SET samples = 'x' WHERE activity_id = %s", (run.id,)
    )
    left = "SELECT count(*) FROM activity_stream_levels WHERE activity_id = %s"
    assert db.exec_driver_sql(left, (run.id,)).scalar_one() == 0
    db.exec_driver_sql(
        "UPDATE activity_streams SET samples = 'x' WHERE activity_id = %s", (runs[0].id,)
    )
    assert db.exec_driver_sql("SELECT count(*) FROM moved_samples").scalar_one() == 0
    assert db.exec_driver_sql("SELECT count(*) FROM original_removals").scalar_one() == 1
    assert versions_after("DELETE FROM activities WHERE id = %s") == (True, False)
    assert db.exec_driver_sql("SELECT count(*) FROM activity_streams").scalar_one() == 19


def test_bests_are_linked_in_partitions_as_in_one_table(command, db, runs):
    first, second, third = runs[4:7]
    of_run = "SELECT id FROM personal_bests WHERE activity_id = %s AND distance = 'KM5'"
    before = "SELECT previous_id, improvement_s FROM personal_bests WHERE activity_id = %s AND distance = 'KM5'"
    assert command("--partitions", "4")[0] == 0
    leading = db.exec_driver_sql(of_run, (first.id,)).scalar_one()
    assert tuple(db.exec_driver_sql(before, (second.id,)).one()) == (leading, 10)
    db.exec_driver_sql("DELETE FROM activities WHERE id = %s", (first.id,))
    assert tuple(db.exec_driver_sql(before, (second.id,)).one()) == (None, 10)
    kept = db.exec_driver_sql(of_run, (second.id,)).scalar_one()
    assert db.exec_driver_sql(before, (third.id,)).scalars().all() == [kept]
    make.recalculate_bests(db, second.athlete_id)
    assert tuple(db.exec_driver_sql(before, (second.id,)).one()) == (None, None)
    strange = "UPDATE personal_bests SET previous_id = %s, improvement_s = 1 WHERE id = %s"
    for another in (leading, db.exec_driver_sql(of_run, (runs[0].id,)).scalar_one()):
        with pytest.raises(IntegrityError, match="athlete_id_previous_id"):
            db.exec_driver_sql(strange, (another, kept))
    with pytest.raises(IntegrityError, match="activities"):
        db.exec_driver_sql(
            "UPDATE best_efforts SET activity_id = %s WHERE id = %s", (runs[0].id, kept)
        )


def test_versions_rise_with_efforts_in_partitions(command, db, runs):
    assert command("--partitions", "4", "--only", "efforts")[0] == 0
    version = "SELECT data_version FROM athletes WHERE id = %s"
    for statement in (
        "UPDATE best_efforts SET excluded = true WHERE activity_id = %s",
        "UPDATE personal_bests SET start_offset_s = 5 WHERE activity_id = %s",
        "DELETE FROM personal_bests WHERE activity_id = %s",
        "DELETE FROM best_efforts WHERE activity_id = %s",
    ):
        before = db.exec_driver_sql(version, (runs[5].athlete_id,)).scalar_one()
        db.exec_driver_sql(statement, (runs[5].id,))
        assert db.exec_driver_sql(version, (runs[5].athlete_id,)).scalar_one() > before, statement


def test_a_grade_goes_to_the_best_in_partitions(command, db, runs):
    assert command("--partitions", "4", "--only", "efforts")[0] == 0
    db.exec_driver_sql(
        "UPDATE best_efforts SET age_grade_percent = 77 WHERE activity_id = %s", (runs[5].id,)
    )
    of_bests = "SELECT DISTINCT age_grade_percent FROM personal_bests WHERE activity_id = %s"
    assert db.exec_driver_sql(of_bests, (runs[5].id,)).scalars().all() == [77]


def test_some_tables_go_and_others_stay(command, db, runs):
    plain = shape(db)
    assert command("--partitions", "3", "--only", "samples")[0] == 0
    assert len(partitions(db, "activity_streams")) == 3
    assert partitions(db, "best_efforts") == partitions(db, "activities") == {}
    code, told = command("--partitions", "3", "--dry-run")
    assert code == 0
    assert "moved_samples: nothing is to be done" in told
    assert "best_efforts, personal_bests would be copied into 3 partitions" in told
    assert "activities would be copied into 3 partitions" in told
    assert command("--partitions", "3")[0] == 0
    assert len(partitions(db, "personal_bests")) == 3
    assert command("--partitions", "1")[0] == 0
    assert shape(db) == plain


_EFFORT = {
    "distance": "KM5",
    "distance_m": 5000.0,
    "start_offset_s": 0.0,
    "provenance": "STREAM",
    "implied": False,
}


def efforts(db: Connection) -> dict[tuple[int, str], float]:
    """The times of best efforts, by the activity and the distance."""
    found = db.exec_driver_sql("SELECT activity_id, distance, elapsed_s FROM best_efforts")
    return {(each.activity_id, each.distance): each.elapsed_s for each in found}


class Others:
    """Athletes' jobs that write samples and efforts all the while.

    `expected` and `efforts` are what must be there at the end, by the activity and the distance.
    """

    def __init__(self, db: Connection, runs: list[Any]) -> None:
        self._db, self._runs = db, runs
        self.expected = dict(
            db.exec_driver_sql("SELECT activity_id, sample_count FROM activity_streams").all()
        )
        self.efforts = efforts(db)
        self._end, self.rounds = Event(), 0
        self.error: BaseException | None = None
        self._thread = Thread(target=self._write)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        if self.error:
            raise self.error

    def _write(self) -> None:
        try:
            while not self._end.is_set():
                self._round()
                self.rounds += 1
        except BaseException as error:  # noqa: BLE001 - told at the end
            self.error = error

    def _round(self) -> None:
        number = self.rounds
        one = self._runs[1 + number % (len(self._runs) - 1)]
        if one.id in self.expected and number % 3 == 0:
            self._db.execute(streams.discard(), streams.values_of_owners([one]))
            del self.expected[one.id]
        else:
            samples = EncodedStreams.from_samples(make.samples(200 + number % 90))
            store_streams(self._db, one, samples)
            self.expected[one.id] = samples.sample_count
        activity = make.create_activity(self._db, one.athlete_id)
        new = SimpleNamespace(id=activity, athlete_id=one.athlete_id)
        store_streams(self._db, new, EncodedStreams.from_samples(make.samples(10)))
        self._run_faster(one, 900.0 + number % 70)
        self._run_faster(new, 1000.0 + number % 50)
        if number % 2:
            del self.efforts[activity, "KM5"]
            self._db.execute(text("DELETE FROM activities WHERE id = :id"), {"id": activity})
        else:
            self.expected[activity] = 10

    def _run_faster(self, run: Any, elapsed_s: float) -> None:
        """Derive the efforts anew, of which one goes, and the bests of all."""
        achieved_at = make.NOON + timedelta(minutes=self.rounds)
        row = {"athlete_id": run.athlete_id, "activity_id": run.id, "elapsed_s": elapsed_s}
        write_efforts(self._db, [run.id], [_EFFORT | row | {"achieved_at": achieved_at}])
        make.recalculate_bests(self._db, run.athlete_id)
        self.efforts.pop((run.id, "KM10"), None)
        self.efforts[run.id, "KM5"] = elapsed_s


def test_what_others_write_meanwhile_is_not_lost(
    command, db, runs, connect_to, database_url, monkeypatch
):
    monkeypatch.setattr(module, "_AT_ONCE", 3)
    with connect_to(database_url) as writing, Others(writing, runs) as others:
        for count in ("4", "1", "3"):
            assert command("--partitions", count)[0] == 0
            seen = others.rounds
            while others.rounds < seen + 5:
                time.sleep(0.01)
    found = dict(db.exec_driver_sql("SELECT activity_id, sample_count FROM activity_streams").all())
    assert found == others.expected
    lost = """SELECT count(*) FROM activity_streams s WHERE sample_count > 250 AND samples <> '' AND NOT EXISTS (
        SELECT FROM activity_stream_levels l
        WHERE l.activity_id = s.activity_id AND l.athlete_id = s.athlete_id)"""
    assert db.exec_driver_sql(lost).scalar_one() == 0
    assert efforts(db) == others.efforts
    bests = digests(db)[4]
    assert db.exec_driver_sql("SELECT count(previous_id) > 5 FROM personal_bests").scalar_one()
    for athlete in {each.athlete_id for each in runs}:
        make.recalculate_bests(db, athlete)
    assert digests(db)[4] == bests


# --- kills


@contextmanager
def held(url: str, statement: str) -> Iterator[None]:
    """Another's transaction that holds what `statement` locks."""
    with psycopg.connect(url) as connection:
        connection.execute(statement)
        yield


POINTS = {
    "while samples are copied": (
        "SELECT FROM activity_streams ORDER BY activity_id LIMIT 1 FOR UPDATE",
        "activity_streams_next",
        SAMPLES,
    ),
    "while levels are copied": (
        "SELECT FROM activity_stream_levels ORDER BY activity_id LIMIT 1 FOR UPDATE",
        "activity_stream_levels_next",
        SAMPLES,
    ),
    "before samples change places": ("SELECT FROM activity_streams", "moved_samples_next", SAMPLES),
    "before former samples are dropped": (
        "SELECT FROM activities LIMIT 1",
        "activity_streams_former",
        SAMPLES,
    ),
    "while efforts are copied": (
        "SELECT FROM best_efforts ORDER BY id LIMIT 1 FOR UPDATE",
        "best_efforts_next",
        EFFORTS,
    ),
    "while bests are copied": (
        "SELECT FROM personal_bests ORDER BY id LIMIT 1 FOR UPDATE",
        "personal_bests_next",
        EFFORTS,
    ),
    "before efforts change places": ("SELECT FROM best_efforts", "personal_bests_next", EFFORTS),
    "before former efforts are dropped": (
        "SELECT FROM activities LIMIT 1",
        "best_efforts_former",
        EFFORTS,
    ),
    "while activities are copied": (
        "SELECT FROM activities ORDER BY id LIMIT 1 FOR UPDATE",
        "activities_next",
        ACTIVITIES,
    ),
    "before activities change places": ("SELECT FROM activities", "activities_next", ACTIVITIES),
    "while laps hold them in their place": (
        "SELECT FROM activity_laps",
        "activities_next",
        ACTIVITIES,
    ),
    "before former activities are dropped": (
        "SELECT FROM athletes LIMIT 1",
        "activities_former",
        ACTIVITIES,
    ),
}
"""What another holds, so that it goes no further, the table that is there then, and which ones move."""


@pytest.mark.parametrize("point", POINTS)
def test_it_goes_on_after_a_kill(point, command, settings, db, runs, database_url):
    hold, sign, moved = POINTS[point]
    only = next(name for name, tables in GROUPS.items() if tables == moved)
    with held(database_url, hold):
        environment = {
            **os.environ,
            "DATABASE_URL": database_url,
            "PACEGRAPH_HOME": str(settings.pacegraph_home),
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "partition-tables", "--partitions=4", f"--only={only}"],
            cwd=ROOT,
            env=environment,
        )
        try:
            until = time.monotonic() + 120
            while not db.exec_driver_sql(IS_THERE, (sign,)).scalar_one():
                assert time.monotonic() < until
                assert process.poll() is None
                time.sleep(0.02)
            time.sleep(0.3)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    other = runs[5]
    store_streams(db, other, EncodedStreams.from_samples(make.samples(400)))
    db.execute(text("DELETE FROM activities WHERE id = :id"), {"id": runs[6].id})
    make.recalculate_bests(db, other.athlete_id)
    expected = digests(db)
    assert [count for count, _ in expected] == [19, expected[1][0], 1, 38, 38, 19]
    assert command("--partitions", "4", "--only", only)[0] == 0
    assert digests(db) == expected
    assert [len(partitions(db, each)) for each in moved] == [4] * len(moved)
    assert db.exec_driver_sql(UNCHECKED).scalars().all() == []
    left = "SELECT relname FROM pg_class WHERE relname ~ '_(next|former)$'"
    assert db.exec_driver_sql(left).scalars().all() == []


# --- what it refuses, and tells


def test_a_dry_run_and_the_status_change_nothing(command, db, runs):
    before = shape(db)
    code, told = command("--partitions", "4", "--dry-run")
    assert code == 0
    assert "activity_streams: one table" in told
    assert "copied into 4 partitions" in told
    assert command("--status")[0] == 0
    assert shape(db) == before
    assert command("--partitions", "4")[0] == 0
    assert "activity_streams: 4 partitions" in command("--status")[1]
    assert "nothing is to be done" in command("--partitions", "4", "--dry-run")[1]


def test_what_was_begun_is_finished_or_cancelled(command, db, runs, database_url, monkeypatch):
    monkeypatch.setattr("db.transaction_runner.ATTEMPTS", 2)
    before, rows = shape(db), digests(db)
    with held(database_url, "SELECT FROM activity_streams"):
        code, told = command("--partitions", "4", "--only", "samples")
        assert code == 1
        assert "run it again" in told
    for each in ("--status",), ("--cancel", "--dry-run"):
        assert "on its way to 4 partitions" in command(*each)[1]
    code, told = command("--partitions", "8", "--only", "samples")
    assert code == 1
    assert "--partitions 4" in told
    db.exec_driver_sql("ALTER TABLE activity_streams ADD COLUMN later int")
    code, told = command("--partitions", "4", "--only", "samples")
    assert code == 1
    assert "migrated meanwhile" in told
    db.exec_driver_sql("ALTER TABLE activity_streams DROP COLUMN later")
    assert command("--cancel")[0] == 0
    assert digests(db) == rows
    assert [row for row in shape(db) if "........" not in row[1]] == before


def test_what_is_given_up_before_the_tables_change_places_is_not_done(
    command, db, runs, monkeypatch
):
    take_place = module.Partitioning._take_place

    def given_up_before(self: module.Partitioning, connection: Connection) -> None:
        assert command("--cancel")[0] == 0
        take_place(self, connection)

    monkeypatch.setattr(module.Partitioning, "_take_place", given_up_before)
    before = shape(db)
    code, told = command("--partitions", "4")
    assert code == 1
    assert "--cancel" in told
    assert "4 partitions" not in told
    assert shape(db) == before


@pytest.mark.parametrize(
    ("made", "told"),
    [
        ("CREATE VIEW seen AS SELECT sample_count FROM activity_streams", "the view seen"),
        ("CREATE INDEX mine ON activity_stream_levels (points)", "the index mine"),
        (NOTES, "the foreign key noted of notes"),
        ("CREATE PUBLICATION told FOR TABLE moved_samples", "the publication told"),
        ("CREATE INDEX mine ON best_efforts (elapsed_s)", "the index mine"),
        (OF_BESTS, "the foreign key noted of notes"),
        ("CREATE INDEX mine ON activities (calories_kcal)", "the index mine"),
        (OF_ACTIVITIES, "the foreign key noted of notes"),
    ],
)
def test_what_others_made_of_a_table_is_not_dropped(command, db, made, told):
    db.exec_driver_sql(made)
    assert told in command("--partitions", "4", "--dry-run")[1]
    before = shape(db)
    code, said = command("--partitions", "4")
    assert code == 1
    assert told in said
    assert shape(db) == before


def test_it_waits_for_a_migration(command, db, database_url):
    with held(database_url, f"SELECT pg_advisory_lock({0x70616365})"):
        code, told = command("--partitions", "4")
    assert code == 1
    assert "is being migrated" in told


def test_no_step_down_while_there_are_partitions(command, settings, db, monkeypatch, capsys):
    assert command("--partitions", "4")[0] == 0
    with logs_restored():
        assert cli.main(["migrate", "--down", "--yes"]) == 1
    assert "partition-tables --partitions 1" in capsys.readouterr().err


CHANGES_TABLES = ("ShareRowExclusiveLock", "AccessExclusiveLock")
LOCKED = """
    SELECT relation::bigint FROM pg_locks JOIN pg_class c ON c.oid = relation
    WHERE pid = pg_backend_pid() AND mode = ANY (%s) AND relkind IN ('r', 'p')
"""


@pytest.mark.parametrize("partitions", ["4", "1"])
@pytest.mark.parametrize("group", GROUPS)
def test_all_tables_are_locked_and_counted_before_any_changes(
    group, partitions, command, db, runs, monkeypatch
):
    """Each wait counts, so that all end before whoever waits in turn looks for a deadlock."""
    if partitions == "1":
        assert command("--partitions", "4", "--only", group)[0] == 0
    take_place = module.Partitioning._take_place
    locked, named, waits_ms = set[int](), list[str](), list[int]()

    def look(_: Connection, cursor: Any, statement: str, *__: Any) -> None:
        if statement.startswith("LOCK TABLE "):
            named.extend(statement.removeprefix("LOCK TABLE ").partition(" IN ")[0].split(", "))
            looks = cursor.connection
            locked.update(row[0] for row in looks.execute(LOCKED, (list(CHANGES_TABLES),)))
            [wait] = looks.execute("SELECT setting FROM pg_settings WHERE name = 'lock_timeout'")
            waits_ms.append(int(wait[0]))

    def watched(self: module.Partitioning, connection: Connection) -> None:
        event.listen(connection, "after_cursor_execute", look)
        take_place(self, connection)
        event.remove(connection, "after_cursor_execute", look)
        at_end = connection.exec_driver_sql(LOCKED, (list(CHANGES_TABLES),)).scalars()
        assert set(at_end) <= locked

    monkeypatch.setattr(module.Partitioning, "_take_place", watched)
    assert command("--partitions", partitions, "--only", group)[0] == 0
    assert len(named) == len(set(named)) > 1
    assert len(named) * max(waits_ms) <= 900


# --- migrations


def test_no_migration_while_tables_are_on_their_way(
    command, db, settings, database_url, monkeypatch
):
    """What it adds to a table would go with it, when another takes its place."""
    monkeypatch.setattr("db.transaction_runner.ATTEMPTS", 1)
    with held(database_url, "SELECT FROM activity_streams"):
        assert command("--partitions", "4", "--only", "samples")[0] == 1
    assert command(name="migrate")[0] == 0  # there is nothing to do
    downgrade(settings, "0063")
    assert command("--to", "0063", name="migrate")[0] == 0
    version = "SELECT version_num FROM alembic_version"
    for way in (), ("--to", "0064"), ("--to", "+1"):
        code, told = command(*way, name="migrate")
        assert code == 1
        assert "activity_streams_next is there" in told
        assert "--partitions 4 --only samples" in told
        assert "--cancel" in told
        assert db.exec_driver_sql(version).scalar_one() == "0063"
    assert command("--cancel")[0] == 0
    assert command(name="migrate")[0] == 0


def test_no_migration_while_a_former_table_stands(command, db, settings, database_url, monkeypatch):
    monkeypatch.setattr("db.transaction_runner.ATTEMPTS", 1)
    drop_former = module.Partitioning._drop_former

    def held_former(self: module.Partitioning) -> None:
        with held(database_url, "SELECT FROM best_efforts_former"):
            drop_former(self)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(module.Partitioning, "_drop_former", held_former)
        assert command("--partitions", "4", "--only", "efforts")[0] == 1
    assert command(name="migrate")[0] == 0
    db.exec_driver_sql("UPDATE alembic_version SET version_num = '0063'")
    code, told = command(name="migrate")
    assert code == 1
    assert "best_efforts_former is there" in told
    assert "--partitions 4 --only efforts" in told
    assert "--cancel" not in told


def test_nothing_is_begun_while_migrations_are_missing(
    command, db, runs, database_url, monkeypatch
):
    """Tables would be made as the newest migration has them, and none would run any more."""
    monkeypatch.setattr("db.transaction_runner.ATTEMPTS", 1)
    with held(database_url, "SELECT FROM activity_streams"):
        assert command("--partitions", "4", "--only", "samples")[0] == 1
    before = shape(db)
    for version, told in (
        ("0063", "0064 first: run pacegraph migrate"),
        ("9999", "a newer pacegraph"),
    ):
        db.exec_driver_sql("UPDATE alembic_version SET version_num = %s", (version,))
        for way in (), ("--dry-run",):
            code, said = command("--partitions", "4", "--only", "efforts", *way)
            assert (code, told in said) == (1, True), said
        assert shape(db) == before
    assert command("--partitions", "4", "--only", "samples")[0] == 0, "what was begun goes on"


# --- before PostgreSQL 18


@pytest.mark.parametrize(
    ("referring", "version", "told"),
    [
        (set(), 170_006, None),
        ({"activity_streams"}, 180_000, None),
        ({"activity_streams", "best_efforts_next"}, 170_006, "--partitions 1"),
        ({"activity_streams_next", "best_efforts_next"}, 170_006, "--cancel"),
    ],
)
def test_what_refers_to_a_table_from_partitions_goes_later(referring, version, told):
    reason = module.held_by("activities", referring, version)
    if told is None:
        assert reason is None
        return
    assert told in reason
    assert ("--cancel" in reason) is (told == "--cancel")
    assert ("best_efforts_next" in reason) is (told == "--cancel")


def test_what_refers_to_it_is_looked_at_again(command, db, runs, database_url, monkeypatch):
    """Also where a table was begun, and where it takes its place."""
    monkeypatch.setattr("db.transaction_runner.ATTEMPTS", 1)
    take_place = module.Partitioning._take_place

    def others_before(self: module.Partitioning, connection: Connection) -> None:
        with monkeypatch.context() as theirs:
            theirs.setattr(module.Partitioning, "_take_place", take_place)
            assert command("--partitions", "4", "--only", "efforts")[0] == 0
        monkeypatch.setattr(module, "_KEYS_UNCHECKED_SINCE", 99_00_00)
        take_place(self, connection)

    monkeypatch.setattr(module.Partitioning, "_take_place", others_before)
    for _ in range(2):
        code, told = command("--partitions", "4", "--only", "activities")
        assert code == 1
        assert "activities must go before best_efforts, personal_bests" in told
        assert "--partitions 1" in told
        monkeypatch.setattr(module.Partitioning, "_pass", None)  # nothing is copied any more
    assert partitions(db, "activities") == {}
